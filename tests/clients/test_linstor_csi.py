"""linstor-csi, unmodified, between csi-sanity of Kubernetes and this product: real file systems on real devices."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.clients import nodes, toolchain
from tools import loop_mounts, processes, services
from tools.rest import RestConnection

MODULE = "github.com/piraeusdatastore/linstor-csi"
VERSION = "v1.11.2"
SANITY = "github.com/kubernetes-csi/csi-test/v5/cmd/csi-sanity"
"""In the version that linstor-csi itself asks for: v5.4.0."""
SANITY_WITHIN_S = 300
SPECS = Path(__file__).parent / "csi_sanity_specs.json"
"""What of csi-sanity passes, and what does not run, with the reason it gives: all of these lie in linstor-csi."""
NEEDS_CAP_SYS_RESOURCE = "Node Service NodeExpandVolume should work if node-expand is called after node-publish"
CAP_SYS_RESOURCE = 24
MIB = 1024 * 1024
LISTENS_WITHIN_S = 20
POOL = "thinpool"
STORAGE_CLASS = {"linstor.csi.linbit.com/layerList": "storage", "linstor.csi.linbit.com/placementCount": "1",
                 "linstor.csi.linbit.com/storagePool": POOL, "linstor.csi.linbit.com/resourceGroup": "sanity"}


@pytest.fixture(scope="session")
def csi_driver() -> Path:
    return toolchain.go_binary(f"{MODULE}/cmd/linstor-csi", MODULE, VERSION, toolchain.go_toolchain())


@pytest.fixture(scope="session")
def csi_sanity() -> Path:
    return toolchain.go_binary(SANITY, MODULE, VERSION, toolchain.go_toolchain())


@contextmanager
def serving(driver: Path, cluster: Any, known: list[nodes.SatelliteNode], place: Path) -> Iterator[Path]:
    """The socket of linstor-csi: controller service, and node service of the first node, as in Kubernetes."""
    with RestConnection(cluster.address) as rest:
        for node in known:
            nodes.register(rest, node, POOL)
    place.mkdir()
    socket, log = place / "csi.sock", place / "driver.log"
    process = processes.start([str(driver), f"--linstor-endpoint={cluster.url}", f"--csi-endpoint=unix://{socket}",
                               f"--node={known[0].name}", "--log-level=debug"], log)
    try:
        deadline = time.monotonic() + LISTENS_WITHIN_S
        while not socket.exists():
            assert processes.is_alive(process) and time.monotonic() < deadline, services.tail(log)
            time.sleep(0.05)
        yield socket
    finally:
        processes.stop(process, timeout_s=5)
        loop_mounts.release(place)


@pytest.fixture
def csi_socket(csi_driver: Path, cluster: Any, tmp_path: Path) -> Iterator[Path]:
    """Of a cluster of one node."""
    only = nodes.SatelliteNode(cluster.node_name, cluster.satellite, cluster.pool_dir)
    with serving(csi_driver, cluster, [only], tmp_path / "csi") as socket:
        yield socket


@pytest.fixture(scope="session")
def csi_volumes() -> Path:
    return toolchain.go_test_binary(Path(__file__).parent / "csi_volumes", toolchain.go_toolchain())


def may_grow_mounted_ext4() -> bool:
    """Linux asks for CAP_SYS_RESOURCE, which containers and small virtual machines often take away even from root."""
    status = Path("/proc/self/status").read_text()
    effective = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff"))
    return bool(int(effective, 16) >> CAP_SYS_RESOURCE & 1)


def outcomes(report: Path) -> dict[str, str]:
    """Spec -> passed, skipped, pending or failed."""
    cases = ElementTree.parse(report).getroot().iter("testcase")
    return {case.attrib["name"].removeprefix("[It] "): case.attrib["status"] for case in cases}


@pytest.mark.parametrize("access", ["mount", "block"])
def test_csi_sanity(csi_sanity: Path, csi_socket: Path, cluster: Any, access: str) -> None:
    place = csi_socket.parent
    parameters, report = place / "class.yaml", place / "report.xml"
    parameters.write_text("".join(f'{key}: "{value}"\n' for key, value in STORAGE_CLASS.items()))
    left_out = {NEEDS_CAP_SYS_RESOURCE} if access == "mount" and not may_grow_mounted_ext4() else set()
    argv = [str(csi_sanity), f"--csi.endpoint=unix://{csi_socket}", f"--csi.mountdir={place / 'mount'}",
            f"--csi.stagingdir={place / 'staging'}", f"--csi.testvolumeparameters={parameters}",
            f"--csi.testvolumeaccesstype={access}", f"--csi.testvolumesize={32 * MIB}",
            f"--csi.testvolumeexpandsize={64 * MIB}", f"--ginkgo.junit-report={report}", "--ginkgo.no-color",
            f"--ginkgo.timeout={SANITY_WITHIN_S}s", *(f"--ginkgo.skip={name}" for name in left_out)]
    toolchain.run_client(argv, place, timeout_s=SANITY_WITHIN_S + 20, log=place / "driver.log")
    passed = {name for name, outcome in outcomes(report).items() if outcome == "passed"}
    assert passed == set(json.loads(SPECS.read_text())["passed"]) - left_out
    nothing_is_left(cluster)


def look(binary: Path, test: str, socket: Path, cluster: Any, other_node: str = "") -> None:
    """Run one test of the package csi_volumes, and see that it leaves nothing."""
    place = socket.parent
    environment = {**os.environ, "CSI_SOCKET": str(socket), "CSI_NODE": cluster.node_name, "CSI_PLACE": str(place),
                   "CSI_OTHER_NODE": other_node, "CSI_PARAMETERS": json.dumps(STORAGE_CLASS)}
    said = toolchain.run_client([str(binary), "-test.v", "-test.run", f"^{test}$"], place,
                                timeout_s=SANITY_WITHIN_S, environment=environment, log=place / "driver.log")
    assert f"--- PASS: {test}" in said, said
    nothing_is_left(cluster)


def nothing_is_left(cluster: Any) -> None:
    with RestConnection(cluster.address) as rest:
        assert rest.get("/v1/resource-definitions") == []
    assert [path for path in cluster.pool_dir.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("test", ["TestSnapshotsAndClonesOfAVolumeInUse", "TestAMountedVolumeGrows",
                                  "TestASnapshotOfAGroup"])
def test_what_is_in_the_volumes(csi_volumes: Path, csi_socket: Path, cluster: Any, test: str) -> None:
    look(csi_volumes, test, csi_socket, cluster)


def test_where_volumes_go(csi_volumes: Path, csi_driver: Path, cluster: Any, two_nodes: list[nodes.SatelliteNode],
                          tmp_path: Path) -> None:
    with serving(csi_driver, cluster, two_nodes, tmp_path / "csi") as socket:
        look(csi_volumes, "TestAVolumeGoesWhereThePodGoes", socket, cluster, two_nodes[1].name)
