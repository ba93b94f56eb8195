"""Faces: landmark detectors, tracking and the FFHQ alignment."""
