"""Taking a host, or a storage, out of service and back, knowing before what becomes of the volumes."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from msgspec import Struct

from linstor_cloudstack.cloudstack_api import CloudStackApi, Progress, only
from linstor_cloudstack.errors import Refused
from linstor_cloudstack.inventory import LinstorSide, Stored, read_linstor, storage_named
from linstor_cloudstack.records import CloudVolume, Host, Storage
from linstor_core.client.client import LinstorClient

UNAVAILABLE, ENDANGERED, REDUCED, MOVED = "unavailable", "last-copy", "reduced", "moved"
_MARKS = frozenset({"EVACUATE", "EVICTED"})
_PREPARING, _FAILED_PREPARING = "PrepareForMaintenance", "ErrorInPrepareForMaintenance"
_MAINTAINED = frozenset({"Maintenance", _PREPARING, "ErrorInMaintenance", _FAILED_PREPARING})
_CAN_BE_MAINTAINED = frozenset({"Up", "ErrorInMaintenance"})


class Effect(Struct, frozen=True):
    """What becomes of a volume without the node. `kind`: unavailable (no good copy is left), last-copy (one is left
    of several), reduced (fewer, but several), moved (it only is in use there).
    """

    volume: str
    kind: str
    copies_before: int
    copies_after: int
    in_use: bool
    left_on: tuple[str, ...] = ()


def what_if(linstor: LinstorSide, node: str) -> tuple[Effect, ...]:
    """Every volume that the node has a good copy of, or has open; CloudStack's or not. Pure."""
    effects = [_effect(stored, node) for stored in linstor.definitions.values() if not stored.being_deleted]
    order = (UNAVAILABLE, ENDANGERED, REDUCED, MOVED)
    return tuple(sorted((effect for effect in effects if effect is not None),
                        key=lambda effect: (order.index(effect.kind), effect.volume)))


def _effect(stored: Stored, node: str) -> Effect | None:
    good = stored.good_nodes
    left = tuple(name for name in good if name.upper() != node.upper())
    in_use = node.upper() in (name.upper() for name in stored.in_use_on)
    if len(left) == len(good):
        return Effect(stored.name, MOVED, len(good), len(left), in_use, left) if in_use else None
    kind = UNAVAILABLE if not left else ENDANGERED if len(left) == 1 else REDUCED
    return Effect(stored.name, kind, len(good), len(left), in_use, left)


class Maintenance:
    def __init__(self, api: CloudStackApi, client: LinstorClient) -> None:
        self._api = api
        self._client = client

    def host(self, name: str) -> Host:
        listed = self._api.listed("listHosts", Host, type="Routing")
        return only([found for found in listed if name in (found.name, found.id)], "host", name)

    def what_if(self, host: str) -> tuple[Effect, ...]:
        """Raises Refused where the host is not a LINSTOR node."""
        linstor = read_linstor(self._client)
        return what_if(linstor, _node(linstor, self.host(host).name))

    def drain(self, name: str, accepted: Collection[str], evacuate: bool = False,
              progress: Progress = lambda _: None) -> list[str]:
        """Move the host's machines away and let nothing start there; with `evacuate` keep new data off it, too.

        Raises Refused where volumes would have no good copy left that are not named in `accepted`.
        """
        host = self.host(name)
        linstor = read_linstor(self._client)
        node = _node(linstor, host.name)
        lost = [effect.volume for effect in what_if(linstor, node) if effect.kind == UNAVAILABLE
                and effect.volume not in accepted]
        if lost:
            raise Refused(f"Without {host.name} there is no good copy of {', '.join(lost)}: place another replica "
                          "first, or accept each by name. Nothing was done")
        told = []
        if evacuate:
            self._client.evacuate_node(node)
            told.append(f"LINSTOR keeps new data off {node}.")
        if host.resourcestate == "Maintenance":
            return [*told, f"The host {host.name} was in maintenance already."]
        if host.resourcestate == _FAILED_PREPARING:
            raise Refused(f"CloudStack could not move every machine off {host.name} and takes no other call for it: "
                          "move them, or call host enable to give it up")
        if host.resourcestate == _PREPARING:
            # CloudStack refuses to be asked twice.
            return [*told, _under_way(host)]
        self._api.job("prepareHostForMaintenance", progress, id=host.id)
        host = self.host(host.id)
        return [*told, f"The host {host.name} is in maintenance." if host.resourcestate == "Maintenance" else
                _under_way(host)]

    def enable_host(self, name: str, progress: Progress = lambda _: None) -> list[str]:
        host = self.host(name)
        told = [f"LINSTOR takes {node.name} for new data again."
                for node in self._client.nodes([host.name]) if _MARKS & set(node.flags) and self._restored(node.name)]
        if host.resourcestate not in _MAINTAINED:
            return [*told, f"The host {host.name} was not in maintenance."]
        self._api.job("cancelHostMaintenance", progress, id=host.id)
        return [*told, f"The host {host.name} is in service."]

    def _restored(self, node: str) -> bool:
        self._client.restore_node(node)
        return True

    def machines_on(self, storage: Storage) -> list[str]:
        """Those that run with a volume on the storage."""
        running = {volume.vmname for volume in self._volumes(storage) if volume.vmname and volume.vmstate != "Stopped"}
        return sorted(running)

    def _volumes(self, storage: Storage) -> Iterator[CloudVolume]:
        seen = set()
        for query in ({"listall": True}, {"listall": True, "projectid": "-1"},
                      {"listall": True, "listsystemvms": True}):
            for volume in self._api.listed("listVolumes", CloudVolume, storageid=storage.id, **query):
                if volume.id not in seen:
                    seen.add(volume.id)
                    yield volume

    def maintain_storage(self, name: str, accepted: Collection[str], progress: Progress = lambda _: None) -> str:
        """CloudStack stops the machines that use it: Refused where one runs that is not named in `accepted`."""
        storage = storage_named(self._api, name)
        if storage.state == "Maintenance":
            return f"The storage {storage.name} was in maintenance already."
        if storage.state not in _CAN_BE_MAINTAINED:
            raise Refused(f"The storage {storage.name} is {storage.state}: CloudStack takes it out of service only "
                          "when it is Up")
        running = [machine for machine in self.machines_on(storage) if machine not in accepted]
        if running:
            raise Refused(f"CloudStack would stop {', '.join(running)}: stop or migrate them first, or accept each by "
                          "name. Nothing was done")
        self._api.job("enableStorageMaintenance", progress, id=storage.id)
        return f"The storage {storage.name} is in maintenance."

    def enable_storage(self, name: str, progress: Progress = lambda _: None) -> str:
        storage = storage_named(self._api, name)
        if storage.state == "Up":
            return f"The storage {storage.name} was in service already."
        if storage.state == "Disabled":
            self._api.call("updateStoragePool", id=storage.id, enabled=True)
        elif storage.state == _PREPARING:
            raise Refused(f"CloudStack is still taking the storage {storage.name} out of service: call this again when "
                          "that is over")
        else:
            self._api.job("cancelStorageMaintenance", progress, id=storage.id)
        return f"The storage {storage.name} is in service."


def _under_way(host: Host) -> str:
    return (f"CloudStack moves the machines off {host.name}; its state is {host.resourcestate or 'unknown'} now. "
            "Call this again to see whether it is complete.")


def _node(linstor: LinstorSide, host: str) -> str:
    found = next((node for node in linstor.nodes if node.upper() == host.upper()), None)
    if found is None:
        raise Refused(f"LINSTOR has no node '{host}': the names of hosts and nodes have to be the same")
    return found
