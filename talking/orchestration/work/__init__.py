"""What a stage does to one shard or one item, as the workers of a cluster run it: a file per stage."""
