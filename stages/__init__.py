"""One short script per stage of dvc.yaml: read params, call talking, write outs, record. Wiring only."""
