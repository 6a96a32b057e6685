"""The plugin contract, with the calls that Proxmox VE makes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from linstor_proxmox.endpoint import Endpoint
from linstor_proxmox.node_links import NodeLinks

from linstor_core.testing.plugin_contract import PluginContract, PluginOn
from tests.plugins.proxmox.perl_module import GROUP, STORE, prepare
from tools.services import Service


class PlatformRefusal(Exception):
    """What would stand in Proxmox VE's task log."""


class ProxmoxCalls:
    """Proxmox VE chooses the names of clones itself, so `restore` is tested elsewhere; a full clone it makes itself."""

    refusals = (PlatformRefusal,)
    missing = frozenset({"clone", "restore"})
    strange_names = ("vm-900-state-with.dots+plus", f"vm-901-disk-{'x' * 60}", "vm-902-fleece-0.5")

    def __init__(self, controllers: Sequence[str], node: str, links: Path) -> None:
        self._endpoint = Endpoint(node, NodeLinks(links), closing_s=0.3)
        self._config = {"linstorcore-controllers": ",".join(controllers), "linstorcore-group": GROUP,
                        "linstorcore-secrets": str(links / "no-secrets")}

    def _call(self, call: str, /, **arguments: object) -> Any:
        request = {"call": call, "storage": STORE, "config": self._config, "arguments": arguments}
        reply = json.loads(self._endpoint.answer(json.dumps(request).encode()))
        if "error" in reply:
            raise PlatformRefusal(reply["error"])
        return reply["result"]

    def close(self) -> None:
        self._endpoint.close()

    @staticmethod
    def _vmid(volume: str) -> int:
        return int(volume.split("-")[1])

    def new_name(self, number: int) -> str:
        return f"vm-{100 + number}-disk-0"

    def create(self, volume: str, size_kib: int) -> None:
        try:
            self._call("alloc_image", vmid=self._vmid(volume), format="raw", name=volume, size_kib=size_kib)
        except PlatformRefusal:
            # Proxmox VE is told when a name is taken, and looks at what is there.
            if self.volumes().get(volume) != size_kib:
                raise

    def volumes(self) -> dict[str, int]:
        return {image["volid"].partition(":")[2]: image["size"] // 1024 for image in self._call("list_images")}

    def grow(self, volume: str, size_kib: int) -> None:
        self._call("volume_resize", volname=volume, size=size_kib * 1024)

    def attach(self, volume: str) -> str:
        self._call("activate_volume", volname=volume)
        path, _, _ = self._call("path", volname=volume)
        return str(path)

    def detach(self, volume: str) -> None:
        self._call("deactivate_volume", volname=volume)

    def snapshot(self, volume: str, snapshot: str) -> None:
        self._call("volume_snapshot", volname=volume, snapname=snapshot)

    def snapshots(self, volume: str) -> set[str]:
        return set(self._call("volume_snapshot_info", volname=volume))

    def delete_snapshot(self, volume: str, snapshot: str) -> None:
        self._call("volume_snapshot_delete", volname=volume, snapname=snapshot)

    def roll_back(self, volume: str, snapshot: str) -> None:
        self._call("volume_rollback_is_possible", volname=volume, snapname=snapshot)
        self._call("volume_snapshot_rollback", volname=volume, snapname=snapshot)

    def restore(self, volume: str, snapshot: str, new_volume: str) -> None:
        raise NotImplementedError

    def clone(self, volume: str, new_volume: str) -> None:
        raise NotImplementedError

    def rename(self, volume: str, new_volume: str) -> None:
        self._call("rename_volume", volname=volume, vmid=self._vmid(new_volume), target=new_volume)

    def delete(self, volume: str) -> None:
        self._call("free_image", volname=volume)

    def free_kib(self) -> int:
        return int(self._call("status")[1]) // 1024


class TestProxmoxContract(PluginContract):
    @pytest.fixture
    def controller(self, cluster: Service) -> str:
        prepare(cluster)
        return cluster.address

    @pytest.fixture
    def plugin_on(self, cluster: Service, tmp_path: Path) -> Iterator[PluginOn]:
        with ExitStack() as stack:
            def made(controllers: Sequence[str]) -> ProxmoxCalls:
                return stack.enter_context(closing(ProxmoxCalls(controllers, cluster.node_name, tmp_path / "links")))

            yield made
