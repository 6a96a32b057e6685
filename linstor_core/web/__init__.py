"""Templates and assets of what a browser shows."""
