"""What the scripts of every stage use: params, arguments, the hash of their code, tracking, shards on a cluster."""
