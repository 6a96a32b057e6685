"""`./dev bench`: the figures that this project is held to, measured from outside over REST."""
