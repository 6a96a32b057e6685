"""The seam to content as such: reading what one volume holds, and writing what another one will hold.

Everything here blocks, and raises SatelliteError or OSError.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from linstor_core.satellite.steps import FetchContent


class Portion(Struct, frozen=True):
    """What comes next: pieces of data (offset, bytes) in ascending order, none of them all zero.

    Everything before `end` is in them, or zero. `data_bytes` counts what is no hole, zeros included.
    """

    pieces: tuple[tuple[int, bytes], ...]
    end: int
    data_bytes: int


class ReadableContent(Protocol):
    """Content that nobody writes to while it is open."""

    size_bytes: int
    version: str
    """Another one, where the content may have been written to in between."""
    modified_ms: int

    def count_data(self, before: int) -> int:
        """How many bytes before an offset are not holes."""

    def read(self, position: int, most_bytes: int) -> Portion:
        """Raises OSError once it is seen that somebody has written to it after all."""

    def close(self) -> None: ...


class GrowingContent(Protocol):
    """Content at its temporary name that is fetched from elsewhere."""

    version: str
    """Of the source from which the beginning came; empty where nothing of use is there."""
    position: int
    """Up to where it has been checked and is on the disk."""

    def begin(self, version: str, position: int, size_bytes: int) -> None:
        """Forget what is behind `position`; everything from there on is zero."""

    def write(self, offset: int, content: bytes) -> None: ...

    def keep(self, position: int) -> None:
        """What is before `position` is right: make it durable and remember that."""

    def complete(self, modified_ms: int) -> None:
        """All of it is there, as it was at that time. Raises OSError when it has not got its size."""

    def close(self) -> None: ...

    def discard(self) -> None:
        """Remove it; nothing of it is of use. It is still to be closed."""


class NodeContents(Protocol):
    """A node's content."""

    def open(self, path: str, data_id: str) -> ReadableContent:
        """Refused for content with another identity, for unfinished content, and while a device is over it."""

    def grow(self, step: FetchContent) -> GrowingContent:
        """Make the temporary file, or go on with the one that is there."""
