"""The volumes of one datastore: `VolumeService` with OpenNebula's names, hosts and habits."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from linstor_core.client.client import LinstorClient
from linstor_core.client.errors import ClientError, InUse, ObjectNotFound
from linstor_core.client.volumes import HasSnapshots, Volume, VolumeService
from linstor_opennebula import naming
from linstor_opennebula.driver_data import MIB_KIB, Datastore, Disk
from linstor_opennebula.errors import PluginError, Refused
from linstor_opennebula.settings import Settings

RELEASE_TRIES = 20
RELEASE_PAUSE_S = 0.5
"""A hypervisor closes a disk some moments after it said that the machine is gone."""
_THIN = frozenset({"LVM_THIN", "ZFS_THIN", "FILE_THIN"})


class Storage:
    """All methods raise ClientError."""

    def __init__(self, client: LinstorClient, group: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self.client = client
        self.group = group
        self.volumes = VolumeService(client)
        self._sleep = sleep

    @classmethod
    def of(cls, datastore: Datastore, settings: Settings) -> Storage:
        """Raises PluginError where the datastore's controllers are no addresses."""
        try:
            client = LinstorClient(datastore.controllers or settings.controllers, timeout_s=settings.timeout_s,
                                   credentials=settings.credentials)
        except ValueError as error:
            raise PluginError(f"LINSTOR_CONTROLLERS of datastore {datastore.id}: {error}") from error
        return cls(client, datastore.group)

    # Hosts and nodes

    def node_of(self, host: str) -> str | None:
        """The node that an OpenNebula host is: by name, by the name without its domain, or by address."""
        nodes = self.client.nodes()
        names = {node.name.lower(): node.name for node in nodes}
        for wanted in (host.lower(), host.lower().partition(".")[0]):
            if wanted in names:
                return names[wanted]
        addresses = _addresses(host)
        for node in nodes:
            if node.props.get("Aux/opennebula/host", "").lower() == host.lower():
                return node.name
            if addresses & {interface.address for interface in node.net_interfaces}:
                return node.name
        return None

    def host_for(self, volume: Volume, bridges: Sequence[str]) -> str:
        """The host that fills a volume: a bridge that has a replica, any bridge that is a node, or a replica's node."""
        nodes = {bridge: self.node_of(bridge) for bridge in bridges}
        for bridge, node in nodes.items():
            if node in volume.nodes:
                return bridge
        found = next((bridge for bridge, node in nodes.items() if node is not None), None)
        if found is None and bridges:
            raise Refused(f"none of the hosts in BRIDGE_LIST ({' '.join(bridges)}) is a node of the controller")
        if found is None and not volume.nodes:
            raise Refused(f"{volume.name} is nowhere: no node has its data")
        return found or self.address_of(volume.nodes[0])

    def address_of(self, node: str) -> str:
        """What ssh reaches a node by: the host that OpenNebula knows it as, or its name."""
        return self.client.node(node).props.get("Aux/opennebula/host") or node

    def is_thin(self, name: str) -> bool:
        """Whether blocks that were never written take no space and read as zeros on every replica."""
        kinds = {volume.provider_kind for resource in self.client.resources([name]) for volume in resource.volumes
                 if volume.provider_kind != "DISKLESS"}
        return bool(kinds) and kinds <= _THIN

    # Volumes

    def first_of(self, candidates: Sequence[str]) -> str | None:
        """The first of these names that is a volume."""
        return next((name for name in candidates if self.volumes.find(name) is not None), None)

    def name_of(self, disk: Disk, vm_id: int) -> str:
        """The volume of a machine's disk; where there is none, the name that it would get today."""
        if not disk.is_volatile and (disk.persistent or disk.cdrom):
            return disk.source
        candidates = naming.own_names(disk.source, vm_id, disk.id)
        return self.first_of(candidates) or candidates[0]

    def begin(self, name: str, size_mib: int) -> Volume:
        """A blank volume that is still to be filled; one that was left half filled is made anew. Raises Refused."""
        found = self.volumes.find(name)
        if found is not None and naming.INCOMPLETE not in found.props:
            raise Refused(f"{name} exists and is complete: it is not overwritten")
        if found is not None:
            self.remove(name)
        return self.volumes.create(name, self.group, size_mib * MIB_KIB, {naming.INCOMPLETE: "yes"})

    def finish(self, name: str) -> None:
        """What was to be filled is."""
        self.volumes.set_props(name, {}, delete=(naming.INCOMPLETE,))

    def remove(self, name: str) -> None:
        """Remove a volume with the snapshots that OpenNebula ordered of it. Raises HasSnapshots for others, InUse."""
        names = tuple(snapshot.name for snapshot in self.volumes.snapshots(name))
        foreign = set(names) - set(naming.snapshots_among(names))
        if foreign:
            raise HasSnapshots(name, sorted(foreign))
        self._patiently(lambda: self.volumes.delete(name, with_snapshots=True))

    def discard(self, name: str) -> None:
        """Remove what a call that failed had begun, as far as that is possible: the first error is what counts."""
        with suppress(ClientError):
            self.remove(name)

    def discard_snapshot(self, name: str, snapshot: str) -> None:
        """As `discard`, for a snapshot."""
        with suppress(ClientError):
            self.volumes.delete_snapshot(name, snapshot)

    def copy(self, source: str, name: str, size_mib: int = 0, snapshot: str | None = None) -> None:
        """A copy of a volume, or of a snapshot of it, in this datastore's group; none where it cannot be completed.

        A copy that another call began is completed and stays whatever happens.
        """
        begun_before = self.volumes.find(name) is not None
        try:
            if snapshot is None:
                self.volumes.clone(source, name, group=self.group, size_kib=size_mib * MIB_KIB)
            else:
                self.volumes.restore_snapshot(source, snapshot, name, self.group, size_kib=size_mib * MIB_KIB)
        except BaseException:
            if not begun_before:
                self.discard(name)
            raise

    def release(self, name: str, host: str) -> None:
        """End a host's access; nothing to do where host or volume are not there. Raises InUse."""
        node = self.node_of(host)
        if node is not None:
            with suppress(ObjectNotFound):
                self._patiently(lambda: self.volumes.release(name, node))

    def let_go(self, name: str, host: str, disk: Disk) -> None:
        """As `release`, but other machines of the host may go on with a CD-ROM. Raises InUse for anything else."""
        try:
            self.release(name, host)
        except InUse:
            if not disk.cdrom:
                raise

    def _patiently(self, action: Callable[[], None]) -> None:
        for tries_left in reversed(range(RELEASE_TRIES)):
            try:
                return action()
            except InUse:
                if not tries_left:
                    raise
                self._sleep(RELEASE_PAUSE_S)

    def space_mib(self) -> tuple[int, int, int]:
        """(used, total, free) of the group, replicas counted."""
        capacity = self.volumes.capacity(self.group)
        total, free = capacity.total_kib // MIB_KIB, capacity.free_kib // MIB_KIB
        return max(total - free, 0), total, free


def _addresses(host: str) -> set[str]:
    try:
        return {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return set()
