"""CloudStack: what an operator does with primary storage whose provider is Linstor."""

__version__ = "0.1.0"
