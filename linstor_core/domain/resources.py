"""Resources: a definition placed on a node, and the volumes that hold its data there."""

from __future__ import annotations

from msgspec import Struct, field


class DataSource(Struct, frozen=True, gc=False):
    """Where the first content of a volume comes from: the same node, or `node_name`.

    With `snapshot_name` the content is that snapshot; without, it is the live volume (a clone, a move). `data_id` is
    the identity of the source's content: the satellite refuses a source that carries another one.
    """

    identifier: str
    storage_pool: str
    data_id: str
    snapshot_name: str = ""
    node_name: str = ""
    """Empty for the node of the volume itself."""


class Volume(Struct, frozen=True, gc=False):
    """A volume on a node.

    `identifier` names it in the pool (`<resource>_<5 digits>` at first; a rename of the resource leaves it alone).
    `data_id` is the identity of its content: the satellite writes it beside the data and takes over nothing that
    carries another one. A rollback gives a new `data_id` and puts the old one in `replaces`. `populated` says that
    the satellite has confirmed the content: from then on nothing depends on the source any more, and no satellite
    makes it anew, blank or as a copy, whatever it remembers itself.
    """

    uuid: str
    number: int
    storage_pool: str
    identifier: str
    data_id: str
    source: DataSource | None = None
    replaces: str = ""
    props: dict[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    populated: bool = False

    @property
    def is_copying(self) -> bool:
        return self.source is not None and not self.populated


class Resource(Struct, frozen=True, gc=False):
    """A definition on one node. Flags are LINSTOR's: DELETE, DISKLESS, INACTIVE …"""

    uuid: str
    name: str
    node_name: str
    layer_stack: tuple[str, ...] = ("STORAGE",)
    volumes: tuple[Volume, ...] = ()
    props: dict[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    create_timestamp_ms: int | None = None

    def volume(self, number: int) -> Volume | None:
        return next((volume for volume in self.volumes if volume.number == number), None)

    @property
    def is_diskless(self) -> bool:
        return "DISKLESS" in self.flags

    @property
    def is_deleting(self) -> bool:
        return "DELETE" in self.flags
