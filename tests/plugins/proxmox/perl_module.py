"""The endpoint as a process, and perl with the module that asks it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools import processes
from tools.rest import RestConnection
from tools.services import CHECKOUT, Service

PLUGIN = CHECKOUT / "plugins/proxmox"
PERL = Path(__file__).parent / "perl"
GROUP = "pve_group"
STORE = "fast"


class Died(Exception):
    """A method of the module died; the text is what Proxmox VE would show."""


def wait_until(is_true: Callable[[], bool], within_s: float = 20) -> None:
    deadline = time.monotonic() + within_s
    while not is_true():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


@dataclass
class EndpointProcess:
    """An endpoint that listens on `socket` for a cluster with one node and a pool."""

    cluster: Service
    socket: Path
    links: Path
    section: dict[str, str]
    identity: processes.ProcessIdentity
    log: Path


class PerlModule:
    """The module in a perl of its own; every method is called the way Proxmox VE does."""

    def __init__(self, socket: Path, section: dict[str, str], api_version: int | None = None) -> None:
        self.section = section
        self.warnings: list[str] = []
        argv = ["perl", "-T", f"-I{PERL}", f"-I{PLUGIN / 'perl'}", str(PERL / "call.pl"), str(socket),
                *([str(api_version)] if api_version else [])]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, method: str, *arguments: object, context: str = "scalar", **more: object) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        asked = {"method": method, "arguments": arguments, "context": context, **more}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        reply = json.loads(self._process.stdout.readline())
        assert reply["tainted"] is False
        self.warnings = reply["warnings"]
        if "died" in reply:
            raise Died(reply["died"].strip())
        return dict(reply)

    def call(self, method: str, *arguments: object, **more: object) -> Any:
        return self.ask(method, *arguments, **more)["result"][0]

    def list(self, method: str, *arguments: object, **more: object) -> list[Any]:
        return list(self.ask(method, *arguments, context="list", **more)["result"])

    # Methods whose first arguments are the storage, in the two orders that the interface has

    def on(self, method: str, *arguments: object, **more: object) -> Any:
        return self.call(method, STORE, self.section, *arguments, **more)

    def of(self, method: str, *arguments: object, **more: object) -> Any:
        return self.call(method, self.section, STORE, *arguments, **more)

    def allocate(self, vmid: int, size_kib: int, name: str | None = None) -> str:
        return str(self.on("alloc_image", vmid, "raw", name, size_kib))

    def path(self, volume: str, snapshot: str | None = None) -> Path:
        return Path(self.call("path", self.section, volume, STORE, snapshot))

    def names(self, vmid: int | None = None) -> list[str]:
        return [image["volid"].partition(":")[2] for image in self.on("list_images", vmid, None, {})]

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)
        self._process.stdout.close()


def prepare(cluster: Service, group: str = GROUP) -> None:
    """A node with a thin pool, and a resource group for it."""
    host, _, port = cluster.satellite.rpartition(":")
    with RestConnection(cluster.address) as rest:
        rest.post("/v1/nodes", {"name": cluster.node_name, "type": "Satellite", "net_interfaces": [
            {"name": "default", "address": host, "satellite_port": int(port),
             "satellite_encryption_type": "PLAIN"}]})
        wait_until(lambda: rest.get("/v1/nodes")[0]["connection_status"] == "ONLINE")
        rest.post(f"/v1/nodes/{cluster.node_name}/storage-pools", {
            "storage_pool_name": "thin", "provider_kind": "FILE_THIN",
            "props": {"StorDriver/StorPoolName": str(cluster.pool_dir)}})
        rest.post("/v1/resource-groups", {"name": group, "select_filter": {
            "place_count": 1, "storage_pool": "thin", "layer_stack": ["STORAGE"]}})
        rest.post(f"/v1/resource-groups/{group}/volume-groups", {})


def start_endpoint(folder: Path, node_name: str, log: Path) -> processes.ProcessIdentity:
    environment = {**os.environ, "PYTHONPATH": f"{CHECKOUT}:{PLUGIN}", "PYTHONUNBUFFERED": "1"}
    argv = [sys.executable, "-P", "-m", "linstor_proxmox.endpoint", "--socket", str(folder / "endpoint.sock"),
            "--node", node_name, "--links", str(folder / "links")]
    identity = processes.start(argv, log, environment)
    wait_until(lambda: (folder / "endpoint.sock").exists() or not processes.is_alive(identity))
    assert processes.is_alive(identity), log.read_text()
    return identity


@contextmanager
def endpoint_process(cluster: Service, folder: Path, **section: str) -> Iterator[EndpointProcess]:
    folder.mkdir(exist_ok=True)
    log = folder / "endpoint.log"
    identity = start_endpoint(folder, cluster.node_name, log)
    full = {"type": "linstorcore", "linstorcore-controllers": cluster.url, "linstorcore-group": GROUP,
            "linstorcore-secrets": str(folder / "secrets.json"), **section}
    try:
        yield EndpointProcess(cluster, folder / "endpoint.sock", folder / "links", full, identity, log)
    finally:
        processes.stop(identity, timeout_s=5)
