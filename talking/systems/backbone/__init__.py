"""Training of the pair (E_I, G) that a talking-head model is built on (thesis section 3.3)."""
