"""What the programs of others are given: a controller, and nodes to register at it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.nodes import SatelliteNode
from tools import processes, services


@pytest.fixture
def two_nodes(cluster: Any, tmp_path: Path) -> Iterator[list[SatelliteNode]]:
    """The satellite of `cluster`, and one more in a process of its own; a folder with reflink each."""
    nodes = [SatelliteNode(cluster.node_name, cluster.satellite, cluster.pool_dir / "pool1"),
             SatelliteNode("node2", services.free_address(), cluster.pool_dir / "pool2")]
    for node in nodes:
        node.pool.mkdir()
    second = services.start("linstor_core.satellite", ["--name", nodes[1].name, "--listen", nodes[1].address, "--state",
                                                       str(tmp_path / "satellite2")], tmp_path / "satellite2.log")
    try:
        yield nodes
    finally:
        processes.stop(second, timeout_s=5)
