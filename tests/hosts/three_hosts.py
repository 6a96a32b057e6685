"""A controller and three satellites, each on a host of its own with a real pool, and what has to be true of them."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from linstor_core.controller import resource_specs
from linstor_core.controller.repository import Repository
from linstor_core.domain.cluster import Cluster, key_of
from tools import hosts, processes, services
from tools.hosts import Host, Lan
from tools.processes import ProcessIdentity
from tools.rest import RestConnection, RestRefused

NODES = {"alpha": "10.97.0.11", "beta": "10.97.0.12", "gamma": "10.97.0.13"}
HUB_ADDRESS = "10.97.0.1"
REST = f"{HUB_ADDRESS}:3370"
SIZE_KIB = 8 * 1024
BLOCK = 4096
NOT_CONNECTED = 1002
ANSWER_S = 45.0
"""A call that takes longer hangs: the channel notices within 15 s that the other side is silent."""
SETTLE_S = 60.0
Entries = list[dict[str, Any]]


class ThreeHosts:
    """The thread that uses it is on the controller's network (`three_hosts`)."""

    def __init__(self, lan: Lan) -> None:
        self.lan = lan
        self.hosts = lan.hosts
        self.satellites: dict[str, ProcessIdentity] = {}
        self.controller = ProcessIdentity(0, 0, "")

    # Programs

    def start_controller(self) -> None:
        self.controller = self.lan.hub.start("linstor_core.controller", "--listen", REST, "--state",
                                             str(self.lan.hub.directory / "controller"))
        services.wait_until_healthy(REST, self.controller, self.lan.hub.log)

    def kill_controller(self) -> None:
        processes.kill(self.controller)

    def start_satellite(self, node: str) -> None:
        """By the name of its host, on the default port."""
        host = self.hosts[node]
        self.satellites[node] = host.start("linstor_core.satellite", "--state", str(host.directory / "satellite"))

    def kill_satellite(self, node: str) -> None:
        processes.kill(self.satellites[node])

    def reboot(self, node: str) -> None:
        """The plug is pulled, and the host comes up again; nobody starts a satellite there."""
        self.lan.switch_off(self.hosts[node])
        self.lan.switch_on(self.hosts[node])

    # REST

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The decoded answer. Raises RestRefused, OSError (TimeoutError for a call that hangs)."""
        with RestConnection(REST, ANSWER_S) as rest:
            return rest.call(method, path, body)

    def get(self, path: str) -> Any:
        return self.call("GET", path)

    def register(self, node: str) -> None:
        self.call("POST", "/v1/nodes", {"name": node, "type": "SATELLITE", "net_interfaces": [
            {"name": "default", "address": NODES[node], "satellite_port": 3366, "satellite_encryption_type": "PLAIN"}]})
        self.wait_online(node)

    def make_pool(self, node: str) -> None:
        pool = self.hosts[node].directory / "pool"
        self.hosts[node].look("pool").mkdir(exist_ok=True)
        self.call("POST", f"/v1/nodes/{node}/storage-pools", {
            "storage_pool_name": "thin", "provider_kind": "FILE_THIN", "props": {"StorDriver/StorPoolName": str(pool)}})

    def create(self, name: str, *nodes: str) -> Entries:
        """One volume on each of these nodes."""
        self.call("POST", "/v1/resource-definitions", {"resource_definition": {"name": name}})
        self.call("POST", f"/v1/resource-definitions/{name}/volume-definitions",
                  {"volume_definition": {"size_kib": SIZE_KIB}})
        return self.place(name, *nodes)

    def place(self, name: str, *nodes: str) -> Entries:
        found: Entries = self.call("POST", f"/v1/resource-definitions/{name}/resources", [
            {"resource": {"node_name": node, "props": {"StorPoolName": "thin"}}, "layer_list": ["STORAGE"]}
            for node in nodes])
        return found

    def delete(self, name: str) -> None:
        """With all its snapshots."""
        for snapshot in self.get(f"/v1/resource-definitions/{name}/snapshots"):
            self.call("DELETE", f"/v1/resource-definitions/{name}/snapshots/{snapshot['name']}")
        self.call("DELETE", f"/v1/resource-definitions/{name}")

    def orphans(self, node: str) -> Entries:
        return [orphan for orphan in self.get("/v1/orphans") if orphan["node_name"] == node]

    def names(self) -> set[str]:
        return {found["name"] for found in self.get("/v1/resource-definitions")}

    def status(self, node: str) -> str:
        return str(self.get(f"/v1/nodes/{node}")["connection_status"])

    def wait_online(self, *nodes: str) -> None:
        until(lambda: all(self.status(node) == "ONLINE" for node in nodes), f"{', '.join(nodes)} to be ONLINE")

    def wait_away(self, *nodes: str) -> None:
        until(lambda: all(self.status(node) != "ONLINE" for node in nodes), f"{', '.join(nodes)} to be away")

    # Content

    def device(self, name: str, node: str) -> str:
        """Waits until the volume has one."""
        path = f"/v1/resource-definitions/{name}/resources/{node}/volumes"
        found: list[str] = []

        def there() -> bool:
            found[:] = [volume.get("device_path") or "" for volume in self.get(path)]
            return bool(found) and Path(found[0]).is_block_device()

        until(there, f"a device of {name} on {node}")
        return found[0]

    def write(self, name: str, node: str, word: str) -> None:
        write(self.device(name, node), word)

    def holds(self, name: str, node: str) -> str:
        return word_of(self.device(name, node))

    def snapshot_file(self, name: str, snapshot: str, node: str) -> Path:
        found = self.stored().snapshot(name, snapshot)
        part = found.on_node(node) if found is not None else None
        assert part is not None, f"{snapshot} of {name} is not on {node}"
        return self.hosts[node].look(f"pool/{part.volumes[0].identifier}_{snapshot}.img")

    # What has to be true

    def settle(self, timeout_s: float = SETTLE_S) -> None:
        """Wait until model, database and devices are one, and nothing is left over."""
        last: list[str] = ["nothing was compared yet"]

        def one() -> bool:
            last[:] = self.differences()
            return not last

        try:
            until(one, "model and devices to be one", timeout_s)
        except AssertionError as failure:
            raise AssertionError("\n".join([str(failure), *last])) from failure

    def differences(self) -> list[str]:
        """What the database, REST and the hosts say that does not fit."""
        cluster = self.stored()
        found = [f"{node} is {self.status(node)}" for node in cluster.nodes if self.status(node) != "ONLINE"]
        found += _unfinished(cluster)
        shown = {(resource["name"], resource["node_name"], volume["volume_number"]): volume.get("device_path", "")
                 for resource in self.get("/v1/view/resources") for volume in resource.get("volumes", ())}
        for node in cluster.nodes.values():
            found += _differences_on(cluster, self.hosts[node.name.lower()], shown)
        stored = {(resource.name, resource.node_name, volume.number) for resource in cluster.resources.values()
                  for volume in resource.volumes}
        if stored != set(shown):
            found.append(f"the database and REST differ in {sorted(stored ^ set(shown))}")
        orphans = re.findall(r"^linstor_node_orphan_count\{(.*)\} ([1-9]\d*)", self.get("/metrics"), re.M)
        return [*found, *(f"orphans: {count} on {labels}" for labels, count in orphans)]

    def stored(self) -> Cluster:
        """What a controller would find in the database's files if the one that runs died at this moment."""
        with tempfile.TemporaryDirectory() as folder:
            for file in self.lan.hub.look("controller").glob("linstor.db*"):
                shutil.copy(file, folder)
            repository = Repository.in_folder(Path(folder))
            repository.open()
            try:
                cluster, _ = repository.load()
            finally:
                repository.close()
        assert cluster is not None
        return cluster

    def picture(self) -> dict[str, Any]:
        """All that REST shows of what was created, without what only satellites know."""
        return {
            "definitions": [(found["name"], found["uuid"], found.get("flags", []), [
                (volume["volume_number"], volume["uuid"], volume["size_kib"])
                for volume in self.get(f"/v1/resource-definitions/{found['name']}/volume-definitions")])
                for found in self.get("/v1/resource-definitions")],
            "resources": [(found["name"], found["node_name"], found["uuid"], found.get("flags", []), found["props"])
                          for found in self.get("/v1/view/resources")],
            "snapshots": [(found["resource_name"], found["name"], found["uuid"], found.get("flags", []), [
                (part["node_name"], part["uuid"], part.get("create_timestamp")) for part in found["snapshots"]])
                for found in self.get("/v1/view/snapshots")]}


def _unfinished(cluster: Cluster) -> list[str]:
    """What still waits for something, and what was given out twice."""
    found = [f"{key} has {definition.flags}" for key, definition in cluster.resource_definitions.items()
             if definition.flags and not _is_failed_clone(cluster, key)]
    found += [f"{key}: volume {volume.number} has {volume.flags}" for key, definition in
              cluster.resource_definitions.items() for volume in definition.volume_definitions if volume.flags]
    found += [f"{key} has {resource.flags}" for key, resource in cluster.resources.items() if resource.is_deleting]
    found += [f"{key}: volume {volume.number} is being copied, or has {volume.flags}"
              for key, resource in cluster.resources.items() for volume in resource.volumes
              if volume.is_copying or volume.flags]
    found += [f"snapshot {key} has {snapshot.flags}" for key, snapshot in cluster.snapshots.items()
              if len(snapshot.flags) != 1 or "DELETE" in snapshot.flags or any(part.flags for part in snapshot.nodes)]
    found += [f"{key} is still to be removed" for key in cluster.tombstones]
    found += [f"not finished: {job}, {job.message} {job.blocked_by}" for job in cluster.jobs.values()
              if not job.is_finished]
    uuids = [resource.uuid for resource in cluster.resources.values()]
    uuids += [volume.uuid for resource in cluster.resources.values() for volume in resource.volumes]
    contents = [volume.data_id for resource in cluster.resources.values() for volume in resource.volumes]
    contents += [volume.data_id for snapshot in cluster.snapshots.values() for part in snapshot.nodes
                 for volume in part.volumes]
    files = [(key_of(resource.node_name), key_of(volume.identifier)) for resource in cluster.resources.values()
             for volume in resource.volumes]
    minors = [volume.minor_number for definition in cluster.resource_definitions.values()
              for volume in definition.volume_definitions if volume.minor_number is not None]
    return found + [f"given out twice: {twice}" for numbers in (uuids, contents, files, minors)
                    if (twice := sorted({number for number in numbers if numbers.count(number) > 1}))]


def _is_failed_clone(cluster: Cluster, key: str) -> bool:
    """One whose replicas were taken away before they had their content stays a failed one."""
    return set(cluster.resource_definitions[key].flags) == {"CLONING", "FAILED"} and key not in cluster.nodes_of


def _differences_on(cluster: Cluster, host: Host, shown: dict[tuple[str, str, int], str]) -> list[str]:
    """Exactly the files, tags and loop devices that the model wants have to be on a host."""
    wanted: dict[str, str] = {}
    attached: dict[str, str] = {}
    for place in resource_specs.places_on(cluster, key_of(host.name)):
        spec = resource_specs.build(cluster, place)
        assert spec is not None
        for volume in (volume for volume in spec.volumes if not volume.delete):
            wanted[f"{volume.identifier}.img"] = volume.data_id
            if spec.active:
                attached[f"{volume.identifier}.img"] = shown.get((spec.resource_name, host.name, volume.number), "")
        for snapshot in (snapshot for snapshot in spec.snapshots if not snapshot.delete):
            for part in snapshot.volumes:
                wanted[f"{part.identifier}_{snapshot.name}.img"] = part.data_id
    files, inodes = files_on(host)
    found = [f"{host.name}: {name} is {files.get(name, 'missing')}, wanted is {wanted.get(name, 'no such file')}"
             for name in sorted({*wanted, *files}) if wanted.get(name) != files.get(name)]
    devices = sorted((inodes.get(device.inode, f"inode {device.inode}"), device.path)
                     for device in host.volume_devices())
    if devices != sorted(attached.items()):
        found.append(f"{host.name}: devices are {devices}, wanted are {sorted(attached.items())}")
    return found + [f"{host.name}: process {stranger.pid} runs there" for stranger in host.strangers()]


def files_on(host: Host) -> tuple[dict[str, str], dict[int, str]]:
    """Name -> identity of the content, and inode -> name, of everything in the host's pool."""
    files, inodes = {}, {}
    for path in host.look("pool").iterdir():
        with suppress(FileNotFoundError):  # a probe of the satellite goes as it came
            inodes[path.stat().st_ino] = path.name
            try:
                files[path.name] = os.getxattr(path, "user.linstor.data_id").decode()
            except FileNotFoundError:
                raise
            except OSError:
                files[path.name] = "not tagged"
    return files, inodes


def until(condition: Callable[[], bool], what: str, timeout_s: float = SETTLE_S) -> None:
    """A controller that is not there at the moment, or refuses, counts as "not yet"."""
    deadline = time.monotonic() + timeout_s
    while True:
        with suppress(RestRefused, OSError, http.client.HTTPException):
            if condition():
                return
        assert time.monotonic() < deadline, f"waited {timeout_s:g} s in vain for {what}"
        time.sleep(0.05)


def _block(word: str, number: int) -> bytes:
    start = f"{word}\n".encode()
    return (start + hashlib.sha256(f"{word} {number}".encode()).digest() * (BLOCK // 32))[:BLOCK]


def _places(device: int) -> Iterator[int]:
    """Blocks all over the smallest volume; growing one does not move them."""
    yield from range(0, SIZE_KIB * 1024 // BLOCK, 61)


def write(device: str, word: str) -> None:
    """Fill a device with content that is known by a word."""
    file = os.open(device, os.O_WRONLY)
    try:
        for number in _places(file):
            os.pwrite(file, _block(word, number), number * BLOCK)
        os.fsync(file)
    finally:
        os.close(file)


def word_of(device: str | Path) -> str:
    """The word whose content is on a device or in a file; empty for an empty one.

    Fails where content is mixed or damaged.
    """
    file = os.open(device, os.O_RDONLY)
    try:
        word = os.pread(file, BLOCK, 0).partition(b"\n")[0].decode(errors="replace").strip("\0")
        for number in _places(file):
            found = os.pread(file, BLOCK, number * BLOCK)
            assert found == (_block(word, number) if word else bytes(BLOCK)), (
                f"{device}: block {number} is not that of '{word}', it begins with {found[:40]!r}")
    finally:
        os.close(file)
    return word


@contextmanager
def three_hosts() -> Iterator[ThreeHosts]:
    """All of it runs, and the nodes are registered with a pool each."""
    with hosts.lan("hub", HUB_ADDRESS) as lan:
        for node, address in NODES.items():
            lan.add(node, address)
        made = ThreeHosts(lan)
        with lan.joined():
            made.start_controller()
            for node in NODES:
                made.start_satellite(node)
            for node in NODES:
                made.register(node)
                made.make_pool(node)
            yield made
