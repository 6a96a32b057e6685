"""Device layers: they plan, the executor acts."""
