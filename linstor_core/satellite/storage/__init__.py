"""Storage drivers: they plan, the executor acts."""
