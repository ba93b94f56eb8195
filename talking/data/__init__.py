"""Shards and where they are stored, the journal of finished work, and sequences of clips for training."""
