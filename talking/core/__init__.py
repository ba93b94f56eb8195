"""What everything else stands on, and what knows nothing of talking heads: errors, files, typed params, progress."""
