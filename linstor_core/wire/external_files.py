"""External files between controller and satellite: the unit is a node, as one file may belong to several resources."""

from __future__ import annotations

from msgspec import Struct

from linstor_core.domain.observed import ExternalFileSeen


class ExternalFileSpec(Struct, frozen=True):
    """A file that the node has to have."""

    path: str
    content: bytes

    def __repr__(self) -> str:
        return f"ExternalFileSpec({self.path!r}, {len(self.content)} bytes)"  # it may hold secrets


class ApplyFiles(Struct, frozen=True, tag="apply_files"):
    """All external files of the node, whole: before a full sync, and after one of them changed."""

    generation: int
    files: tuple[ExternalFileSpec, ...]


class CheckFile(Struct, frozen=True, tag="check_file"):
    """How is this file on the node? Nothing is done."""

    number: int
    path: str


class CheckedFile(Struct, frozen=True, tag="checked_file"):
    """The answer to the CheckFile of that number."""

    number: int
    file: ExternalFileSeen


class FilesSeen(Struct, frozen=True, tag="files_seen"):
    """The answer to the ApplyFiles of that generation: every file that is wanted, or was and is still there."""

    generation: int
    files: tuple[ExternalFileSeen, ...] = ()
