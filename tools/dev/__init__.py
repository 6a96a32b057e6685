"""The verbs of `./dev` that are more than one line of shell."""
