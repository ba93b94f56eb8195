"""Faces: landmark finders, tracking and the FFHQ alignment."""
