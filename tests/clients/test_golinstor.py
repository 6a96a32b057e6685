"""golinstor, unmodified, in a Go program: what linstor-csi, linstor-gateway and piraeus call."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.clients import toolchain
from tests.clients.nodes import SatelliteNode

SOURCE = Path(__file__).parent / "golinstor"
WITHIN_S = 120


@pytest.fixture(scope="session")
def golinstor_tests() -> Path:
    return toolchain.go_test_binary(SOURCE, toolchain.go_toolchain())


def passes(binary: Path, test: str, cluster: Any, nodes: list[SatelliteNode]) -> None:
    places = ",".join(f"{node.name}={node.address}={node.pool}" for node in nodes)
    environment = {**os.environ, "LS_CONTROLLERS": cluster.url, "SCENARIO_NODES": places}
    said = toolchain.run_client(
        [str(binary), "-test.v", "-test.timeout", f"{WITHIN_S}s", "-test.run", f"^{test}$"], cluster.pool_dir,
        timeout_s=WITHIN_S + 10, environment=environment, log=cluster.log)
    assert f"--- PASS: {test}" in said, said


@pytest.mark.parametrize("test", ["TestGroupsSpawn", "TestAutoplaceAndViews", "TestVolumeGrowsAndGoes",
                                  "TestSnapshotsRestoreAndRollBack", "TestClone", "TestNodesPoolsAndConnections"])
def test_volumes_on_two_nodes(golinstor_tests: Path, test: str, cluster: Any, two_nodes: list[SatelliteNode]) -> None:
    passes(golinstor_tests, test, cluster, two_nodes)


@pytest.mark.parametrize("test", ["TestDefinitionsAndRefusals", "TestProperties", "TestKeyValueStore",
                                  "TestEventStream", "TestPassphraseRemotesAndReports", "TestExternalFiles",
                                  "TestRemotesWithSecrets"])
def test_controller_alone(golinstor_tests: Path, test: str, cluster: Any) -> None:
    passes(golinstor_tests, test, cluster, [])


def test_every_scenario_is_run() -> None:
    written = {line.split("(")[0].removeprefix("func ") for path in SOURCE.glob("*_test.go")
               for line in path.read_text().splitlines() if line.startswith("func Test")}
    run_here = {str(name) for function in (test_volumes_on_two_nodes, test_controller_alone)
                for mark in getattr(function, "pytestmark", []) for name in mark.args[1]}
    assert written == run_here
