"""Video and sound: probe, decode, resample, encode, windows."""
