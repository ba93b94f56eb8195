"""Training loops and checkpoints: plain torch, one process or many."""
