"""Moving volumes from one disk offering to another, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from msgspec import Struct

from linstor_cloudstack.cloudstack_api import CloudStackApi, only
from linstor_cloudstack.errors import CallRefused, JobFailed, Refused
from linstor_cloudstack.inventory import storage_named, storages
from linstor_cloudstack.records import CloudVolume, Offering, Storage

_READY = "Ready"


class Move(Struct, frozen=True):
    volume: CloudVolume
    storage: Storage
    offering: Offering


class Moved(Struct, frozen=True):
    """`error` is empty where the volume has arrived."""

    move: Move
    number: int
    total: int
    error: str = ""


class Plan(Struct, frozen=True):
    """`skipped` says a sentence for each volume that is not moved."""

    moves: tuple[Move, ...]
    skipped: tuple[str, ...] = ()


MoveProgress = Callable[[Move, int, int, float], None]
"""(move, its number from 1, how many there are, seconds since it began)."""


class Migration:
    def __init__(self, api: CloudStackApi) -> None:
        self._api = api

    def plan(self, source: str, target: str, storage: str | None = None, chosen: Collection[str] = ()) -> Plan:
        """Again after an interruption: what has arrived has the new offering, and is no longer in the plan."""
        offerings = self._api.listed("listDiskOfferings", Offering, listall=True)
        old = only([found for found in offerings if source in (found.name, found.id)], "disk offering", source)
        new = only([found for found in offerings if target in (found.name, found.id)], "disk offering", target)
        goal = self._goal(new, storage)
        listed: dict[str, CloudVolume] = {}
        for query in ({"listall": True}, {"listall": True, "projectid": "-1"}):
            listed |= {volume.id: volume for volume in self._api.listed("listVolumes", CloudVolume, **query)
                       if volume.diskofferingid == old.id}
        wanted = [volume for volume in listed.values() if not chosen or volume.id in chosen or volume.name in chosen]
        absent = [name for name in chosen if not any(name in (volume.id, volume.name) for volume in wanted)]
        skipped = [f"{volume.name} is {volume.state}." for volume in wanted if volume.state != _READY]
        skipped += [f"{volume.name} is used by {volume.vmname or 'a machine'}, which is {volume.vmstate}: CloudStack "
                    "moves volumes of stopped machines only, on KVM." for volume in wanted
                    if volume.state == _READY and _is_open(volume)]
        skipped += [f"{volume.name} is on {goal.name} already: change its offering in CloudStack." for volume in wanted
                    if volume.state == _READY and volume.storageid == goal.id and not _is_open(volume)]
        skipped += [f"{name} is no volume of the offering {old.name} (any more)." for name in absent]
        moves = [Move(volume, goal, new) for volume in sorted(wanted, key=lambda volume: (volume.size, volume.name))
                 if volume.state == _READY and volume.storageid != goal.id and not _is_open(volume)]
        return Plan(tuple(moves), tuple(skipped))

    def _goal(self, offering: Offering, name: str | None) -> Storage:
        if name:
            goal = storage_named(self._api, name)
            if not offering.tag_set <= goal.tag_set:
                raise Refused(f"The storage {goal.name} lacks tags of the offering {offering.name} ({offering.tags})")
        else:
            fitting = [found for found in storages(self._api)
                       if found.state == "Up" and offering.tag_set and offering.tag_set <= found.tag_set]
            if len(fitting) != 1:
                raise Refused(f"{len(fitting) or 'No'} Linstor storages fit the tags '{offering.tags}' of the offering "
                              f"{offering.name}: name one with --storage")
            goal = fitting[0]
        if goal.state != "Up":
            raise Refused(f"The storage {goal.name} is not in service: it is {goal.state}")
        return goal

    def run(self, plan: Plan, progress: MoveProgress = lambda *_: None) -> Iterator[Moved]:
        """One that fails does not stop the others; what goes wrong with CloudStack itself is raised."""
        for number, move in enumerate(plan.moves, 1):
            yield self._move(move, number, len(plan.moves), progress)

    def _move(self, move: Move, number: int, total: int, progress: MoveProgress) -> Moved:
        try:
            self._api.job("migrateVolume", lambda seconds: progress(move, number, total, seconds),
                          volumeid=move.volume.id, storageid=move.storage.id, newdiskofferingid=move.offering.id)
        except (JobFailed, CallRefused) as error:
            return Moved(move, number, total, str(error))
        return Moved(move, number, total)


def _is_open(volume: CloudVolume) -> bool:
    return bool(volume.virtualmachineid) and volume.vmstate != "Stopped"
