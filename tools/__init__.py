"""What a checkout needs and an installation does not: the verbs of `./dev`, the benchmark, and what tests share."""
