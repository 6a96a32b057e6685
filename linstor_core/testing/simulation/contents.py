"""What programs on the hosts have written and when, and who ever had which identity."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from linstor_core.domain.cluster import Cluster, ControllerSettings, key_of
from linstor_core.domain.resources import Resource, Volume
from linstor_core.domain.snapshots import Snapshot, SnapshotVolume
from linstor_core.testing.simulation.hosts import SatelliteHost


class Contents:
    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.hosts: dict[str, SatelliteHost] = {}
        """By upper-case name."""
        self.written: dict[tuple[str, str], list[tuple[float, bytes]]] = {}
        """(host, data_id) -> the moments of all writes that were acknowledged, with what is there since."""
        self.adopted: set[str] = set()
        """Contents that may have got another owner because somebody asked for it."""
        self._owners: dict[str, str] = {}
        self._made_blank: set[str] = set()
        """Contents that came from nowhere when they were first wanted."""
        self._epoch = 0
        self.wrong: list[str] = []
        self.windows: dict[str, tuple[float, float]] = {}
        """UUIDs of snapshots, and between which moments they were asked for and told to be there."""

    def write(self, host: SatelliteHost, device: str, content: bytes) -> None:
        """A program writes, and syncs."""
        loop = host.node.loops[device]
        data_id = next((file.data_id for file in host.node.files.values() if file.file_id == loop.file_id), "")
        if data_id:
            host.node.write(device, content)
            self.written.setdefault((host.name, data_id), []).append((self._now(), content))

    def committed(self, writes: list[Any]) -> None:
        """No identity ever belongs to two things; epochs grow."""
        for puts, _ in writes:
            for document in puts:
                if isinstance(document, ControllerSettings):
                    if document.epoch < self._epoch:
                        self.wrong.append(f"the epoch {document.epoch} was stored after {self._epoch}")
                    self._epoch = document.epoch
                for part, node in _parts(document):
                    if part.data_id not in self._owners and isinstance(part, Volume) and part.source is None:
                        self._made_blank.add(part.data_id)
                    owner = self._owners.setdefault(part.data_id, f"{part.uuid} {node}")
                    if owner != f"{part.uuid} {node}" and part.data_id not in self.adopted:
                        self.wrong.append(f"the content {part.data_id} belongs to {owner} and to {part.uuid} on {node}")

    def wrong_on(self, host: SatelliteHost, cluster: Cluster) -> Iterator[str]:
        """Files of the model whose content is not what was written last, or what they were made from."""
        node_key = key_of(host.name)
        files = {file.data_id: file for path, file in host.node.files.items() if file.data_id}
        for resource in cluster.resources_on(host.name):
            for volume in resource.volumes:
                if (file := files.get(volume.data_id)) is not None:
                    wanted = self._wanted(host, volume)
                    if wanted is not None and file.content not in wanted:
                        yield (f"{host.name}: {resource.name}/{volume.number} holds {file.content!r} instead of "
                               f"{sorted(wanted)}")
        for snapshot in cluster.snapshots.values():
            part = snapshot.on_node(host.name)
            for taken in part.volumes if part is not None and key_of(part.node_name) == node_key else ():
                if (file := files.get(taken.data_id)) is not None:
                    possible = self._possible(host, snapshot.uuid, taken.source_data_id)
                    if possible and file.content not in possible:
                        yield (f"{host.name}: the snapshot {snapshot.name} of {snapshot.resource_name} holds "
                               f"{file.content!r} instead of {sorted(possible)}")

    def _possible(self, host: SatelliteHost, snapshot_uuid: str, data_id: str) -> set[bytes]:
        """What a snapshot may hold: nothing from before it was asked for, or from after it was told to be there."""
        if snapshot_uuid not in self.windows:
            return self._history(host, data_id)
        begin_s, end_s = self.windows[snapshot_uuid]
        first = host.node.published.get(data_id)
        if first is None:
            return set()
        before, possible = first, set()
        for moment_s, content in self.written.get((host.name, data_id), ()):
            if moment_s <= begin_s:
                before = content
            elif moment_s <= end_s:
                possible.add(content)
        return possible | {before}

    def _history(self, host: SatelliteHost, data_id: str) -> set[bytes]:
        """All that a content ever was on a host."""
        found = {content for _, content in self.written.get((host.name, data_id), ())}
        if data_id in host.node.published:
            found.add(host.node.published[data_id])
        return found

    def _wanted(self, host: SatelliteHost, volume: Volume) -> set[bytes] | None:
        last = self.written.get((host.name, volume.data_id))
        if last:
            return {last[-1][1]}
        if volume.source is None:
            blank = volume.data_id in self._made_blank and volume.data_id not in self.adopted
            return {b"", b"ext4", b"xfs"} if blank else self._history(host, volume.data_id) or None
        source = self.hosts.get(key_of(volume.source.node_name))
        if source is not None and source is not host:
            moved = self._history(source, volume.source.data_id)  # it stood still while it was fetched
            before = self.written.get((source.name, volume.source.data_id))
            return ({before[-1][1]} if before else moved) or None
        return self._history(host, volume.source.data_id) or None


def _parts(document: Any) -> Iterator[tuple[Volume | SnapshotVolume, str]]:
    if isinstance(document, Resource):
        yield from ((volume, document.node_name) for volume in document.volumes)
    elif isinstance(document, Snapshot):
        yield from ((volume, part.node_name) for part in document.nodes for volume in part.volumes)
