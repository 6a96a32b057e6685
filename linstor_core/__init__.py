"""Software-defined block storage that speaks LINSTOR's REST API v1."""

__version__ = "0.1.0"
