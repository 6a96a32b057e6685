"""What is still to be removed on a node although the model has it no more: its name is free already.

A tombstone comes about where a deletion can't wait for a satellite. It ends when the satellite has looked and found
nothing left, when somebody forgets it, or when the node is given up.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

_PREFIX = "!"
"""No definition has a name that starts with it."""


class TombstoneKind(StrEnum):
    """What it was."""

    RESOURCE = "RESOURCE"
    VOLUME = "VOLUME"
    SNAPSHOT = "SNAPSHOT"
    ORPHAN = "ORPHAN"


class DeadVolume(Struct, frozen=True, gc=False):
    """Content to remove: of `identifier` in the pool, and only if it carries `data_id` or `replaces`."""

    number: int
    storage_pool: str
    identifier: str
    data_id: str
    size_kib: int = 0
    """What it was promised."""
    replaces: str = ""


class Tombstone(Struct, frozen=True, gc=False):
    """`uuid` is that of the thing on its node; `resource_name` and `snapshot_name` are what it was called.

    `identity` is the uuid by which the satellite knows it, so that it takes along what it remembers; empty where that
    goes on to be something else there.
    """

    uuid: str
    kind: TombstoneKind
    node_name: str
    resource_name: str
    volumes: tuple[DeadVolume, ...]
    snapshot_name: str = ""
    identity: str = ""
    create_timestamp_ms: int = 0

    @property
    def spec_name(self) -> str:
        """What its node calls it."""
        return _PREFIX + self.uuid

    @property
    def place(self) -> tuple[str, str]:
        """Where `Cluster.generations` and `Cluster.resources_seen` keep what concerns it."""
        return self.spec_name.upper(), self.node_name.upper()

    @property
    def names(self) -> tuple[str, ...]:
        """Upper-case names of what it still takes up in the pools of its node: nothing new may bear them."""
        suffix = f"_{self.snapshot_name}" if self.snapshot_name else ""
        return tuple(f"{volume.identifier}{suffix}".upper() for volume in self.volumes)

    def __str__(self) -> str:
        """For messages."""
        what = f"snapshot '{self.snapshot_name}' of '{self.resource_name}'" if self.snapshot_name else (
            f"'{self.resource_name}'" if self.kind is not TombstoneKind.VOLUME else
            f"volume {', '.join(str(volume.number) for volume in self.volumes)} of '{self.resource_name}'")
        return f"{what} on '{self.node_name}'"


def uuid_of(place_key: str) -> str:
    """The upper-case uuid of the tombstone whose spec has this upper-case name; empty for any other name."""
    return place_key.removeprefix(_PREFIX) if place_key.startswith(_PREFIX) else ""
