"""From W+ codes to frames to videos."""
