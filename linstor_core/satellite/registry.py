"""The resources of a node by name, and how they keep what is known of them when names change.

What a resource is, its uuids say (`ResourceSpec.identities`). A spec that comes under another name than before takes
its entry along, so that content which was complete is never made anew from nothing. An entry whose name goes to another
resource is parked until its own spec comes. What is stored on disk follows in one record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from linstor_core.domain.observed import ResourceSeen
from linstor_core.satellite.spec_store import Moved, StoredResource
from linstor_core.satellite.storage.driver import Pools
from linstor_core.wire.resource_spec import ResourceSpec

PARKED = "?"
"""The keys of parked entries start with it; no name does."""


class Entry:
    """A resource: `stored` is what it has to become; `task` runs while there is work or a retry to wait for."""

    def __init__(self, key: str, stored: StoredResource) -> None:
        self.key = key
        self.former = ""
        """The key of its record on disk, where that is another one."""
        self.stored = stored
        self.dirty = False
        self.announce = False
        self.forgotten = False
        self.seen: ResourceSeen | None = None
        self.wake = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self.waiting: list[asyncio.Future[None]] = []
        self._paths: tuple[ResourceSpec, Pools, tuple[str, ...]] | None = None

    @property
    def is_parked(self) -> bool:
        return self.key.startswith(PARKED)

    def is_of(self, stored: StoredResource) -> bool:
        """Whether the entry still has the name under which this was worked on."""
        return self.key == stored.spec.resource_name.upper()

    def paths(self, pools: Pools, interests: Callable[[ResourceSpec, Pools], tuple[str, ...]]) -> tuple[str, ...]:
        """The files that its spec names; worked out again only when that or the pools have changed."""
        kept = self._paths
        if kept is None or kept[0] is not self.stored.spec or kept[1] is not pools:
            kept = self._paths = (self.stored.spec, pools, interests(self.stored.spec, pools))
        return kept[2]

    def is_other_than(self, spec: ResourceSpec) -> bool:
        own = self.stored.spec.identities
        return bool(own) and bool(spec.identities) and own.isdisjoint(spec.identities)

    def displaced_by(self, spec: ResourceSpec) -> bool:
        """Whether the spec is that of another thing, while this one may still be wanted under another name."""
        return self.is_other_than(spec) and not self.stored.spec.is_removal and bool(self.stored.known_data_ids)


class Registry:
    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._owners: dict[str, str] = {}
        self._displaced: dict[str, Entry] = {}
        """Former key -> the entry whose record on disk is still under it."""

    def load(self, key: str, stored: StoredResource) -> Entry:
        """As it is on disk."""
        entry = self._entries[key] = Entry(key, stored)
        self._own(entry)
        return entry

    def get(self, name: str) -> Entry | None:
        return self._entries.get(name.upper())

    def __iter__(self) -> Iterator[str]:
        """The keys, whatever changes meanwhile."""
        return iter(tuple(self._entries))

    def all(self) -> tuple[Entry, ...]:
        return tuple(self._entries.values())

    def active(self) -> Iterator[Entry]:
        return (entry for entry in self.all() if not entry.is_parked and not entry.forgotten)

    def names(self) -> frozenset[str]:
        """What the active ones are called now."""
        return frozenset(entry.stored.spec.resource_name for entry in self.active())

    def known_as(self, spec: ResourceSpec) -> Entry | None:
        """What is known of the thing that a spec is about, under whatever name."""
        here = self.get(spec.resource_name)
        if here is not None and not here.is_other_than(spec):
            return here
        return next((entry for uuid in spec.identities
                     if (entry := self._entries.get(self._owners.get(uuid, ""))) is not None), None)

    def follow(self, spec: ResourceSpec) -> None:
        """Bring the entry of this thing to its present name, if it has one."""
        key = spec.resource_name.upper()
        known, here = self.known_as(spec), self._entries.get(key)
        if here is not None and here is not known:
            if here.displaced_by(spec):
                self._move(here, (PARKED + min(here.stored.spec.identities)).upper())
            elif known is not None:
                self.drop(key)
        if known is not None:
            self._move(known, key)
        elif here is None and spec.is_removal:
            self._inherit(key, spec)

    def _inherit(self, key: str, spec: ResourceSpec) -> None:
        """What another entry knew to be complete, and is to be removed now apart from it, stays known from the start:
        else its pool could be taken for an empty one in between.
        """
        everything = frozenset[str]().union(*(entry.stored.known_data_ids for entry in self._entries.values()))
        if known := spec.data_ids & everything:
            self.load(key, StoredResource(spec, 0, known))

    def submit(self, stored: StoredResource) -> Entry:
        """The entry of a new spec, with what is known of it from before."""
        self.follow(stored.spec)
        key = stored.spec.resource_name.upper()
        entry = self._entries.get(key)
        if entry is None:
            return self.load(key, stored)
        self._disown(entry)
        entry.stored = StoredResource(stored.spec, stored.epoch, entry.stored.known_data_ids)
        self._own(entry)
        return entry

    def drop(self, name: str) -> str:
        """Forget an entry; gives the key of its record on disk, empty where that belongs to another one by now."""
        key = name.upper()
        entry = self._entries.pop(key, None)
        if entry is None:
            return "" if key in self._displaced else key
        entry.forgotten = True
        entry.wake.set()
        self._disown(entry)
        if entry.former:
            del self._displaced[entry.former]
            return entry.former
        return "" if key in self._displaced else key

    def moves(self, entry: Entry, done: StoredResource) -> Moved | StoredResource:
        """The record that stores what an entry has become, together with all others that have to make way for it."""
        moving: dict[str, Entry] = {}
        waiting = [entry]
        while waiting:
            one = waiting.pop()
            moving[one.key] = one
            other = self._displaced.get(one.key)
            if other is not None and other.key not in moving:
                waiting.append(other)
        former = tuple(one.former for one in moving.values() if one.former)
        if not former:
            return done
        for one in moving.values():
            self._displaced.pop(one.former, None)
            one.former = ""
        return Moved(former, {key: done if one is entry else one.stored for key, one in moving.items()})

    def _move(self, entry: Entry, key: str) -> None:
        if entry.key == key:
            return
        del self._entries[entry.key]
        self._disown(entry)
        if not entry.former:
            entry.former = entry.key
            self._displaced[entry.former] = entry
        if entry.former == key:
            entry.former = ""
            del self._displaced[key]
        entry.key = key
        self._entries[key] = entry
        self._own(entry)
        entry.wake.set()

    def _own(self, entry: Entry) -> None:
        for uuid in entry.stored.spec.identities:
            self._owners[uuid] = entry.key

    def _disown(self, entry: Entry) -> None:
        for uuid in entry.stored.spec.identities:
            if self._owners.get(uuid) == entry.key:
                del self._owners[uuid]
