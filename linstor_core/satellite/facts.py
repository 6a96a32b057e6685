"""What was seen on the node, as values. What could not be looked at is `Unobserved`, never `Absent`."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct, field


class Unobserved(Struct, frozen=True, tag="unobserved"):
    """A query that failed, or was never made. `code` is a `Code` of linstor_core.domain.errors or 0."""

    reason: str
    cause: str = ""
    correction: str = ""
    code: int = 0


class Absent(Struct, frozen=True, tag="absent"):
    """Looked for and not there. A loop device may still hold the content of a file that was removed: `stale_device`."""

    stale_device: str = ""
    stale_file_id: str = ""


class ContentState(StrEnum):
    """Blank content may be formatted; ready content never."""

    BLANK = "blank"
    READY = "ready"


class FileFacts(Struct, frozen=True, tag="file"):
    """A regular file. `data_id` is empty for a file that carries no tag of ours; `file_id` is its device and inode.

    `device` is the loop device over it, empty when there is none.
    """

    size_bytes: int
    data_id: str = ""
    state: str = ""
    allocated_kib: int = 0
    file_id: str = ""
    modified_ms: int = 0
    device: str = ""
    device_size_bytes: int = 0


Observation = FileFacts | Absent | Unobserved


class PoolFacts(Struct, frozen=True, tag="pool"):
    """A pool that can be used; `directory` is empty for a pool without storage.

    `marker` is what the directory carries, so that another one at the same path is told from it.
    """

    directory: str = ""
    free_kib: int = 0
    total_kib: int = 0
    reflink: bool = False
    marker: str = ""


class ExternalFileFacts(Struct, frozen=True, tag="external_file"):
    """Something at the path of an external file; without a checksum where it is no file that could be ours."""

    checksum: str = ""
    mode: int = 0
    """The permission bits."""


class LinkFacts(Struct, frozen=True, tag="links"):
    """The stable names of a resource's devices; `folder` is empty where none are given.

    `targets` says by volume number where the links of ours lead, `foreign` names what else is in the folder; "" is the
    folder itself, where something else has its place.
    """

    folder: str = ""
    targets: dict[str, str] = field(default_factory=dict)
    foreign: tuple[str, ...] = ()


class ResourceFacts(Struct, frozen=True):
    """All that a plan for one resource may rest on.

    `known_data_ids` are the contents that were complete here before: a file of theirs that is absent was lost.
    """

    pools: dict[str, PoolFacts | Unobserved] = field(default_factory=dict)
    files: dict[str, Observation] = field(default_factory=dict)
    known_data_ids: frozenset[str] = frozenset()
    links: LinkFacts | Unobserved = LinkFacts()

    def pool(self, name: str) -> PoolFacts | Unobserved:
        return self.pools.get(name.upper(), Unobserved(
            f"The storage pool '{name}' is not known here", "The controller has not told this node about the pool.",
            "Check that the storage pool exists on this node."))

    def file(self, path: str) -> Observation:
        return self.files.get(path, Unobserved(f"'{path}' was not looked at"))
