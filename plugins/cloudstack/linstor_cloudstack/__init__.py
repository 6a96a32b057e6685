"""CloudStack: a translator over `linstor_core.client.volumes.VolumeService`."""

__version__ = "0.1.0"
