"""The typed REST client and, for platforms, `volumes.VolumeService`."""
