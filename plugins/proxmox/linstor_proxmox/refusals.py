"""What the endpoint answers when it does not do what Proxmox VE asked: one sentence that lands in the task log."""

from __future__ import annotations


class Refused(Exception):
    """The text is complete, names the volume as Proxmox VE does, and says what to do where something can be done."""


class VolumeMissing(Refused):
    def __init__(self, storage: str, volume: str) -> None:
        super().__init__(f"volume '{storage}:{volume}' does not exist")
