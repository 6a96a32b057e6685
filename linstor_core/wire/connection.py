"""What carries the messages between controller and satellite: frames, in order, each whole or not at all."""

from __future__ import annotations

from typing import Protocol

NOT_TRUSTED = 4003
"""How a connection is closed whose other side has shown a certificate that is good for something else."""


class ConnectionLost(OSError):
    """The other side is gone, or the way to it; whether the last frames got there is not known.

    `code` is the websocket's closing code: of the other side's farewell, or of our own where this side has ended it
    (1009: a frame was too large); 1006 where the other side just vanished.
    """

    def __init__(self, reason: str, code: int = 1006) -> None:
        super().__init__(reason)
        self.code = code


class PeerRefused(ConnectionLost):
    """One side does not take the other for who it says it is: trying again does not help before somebody acts."""


class Connection(Protocol):
    """One end of a connection."""

    @property
    def peer(self) -> str:
        """The other end's address, for the log."""

    async def send(self, frame: bytes) -> None:
        """Waits while the other side is slow. Raises ConnectionLost."""

    async def receive(self) -> bytes:
        """The next frame. Raises ConnectionLost."""

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Say farewell and end it; never raises."""
