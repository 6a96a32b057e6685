"""The nouns of the product and their rules: no I/O, no clock, no randomness."""
