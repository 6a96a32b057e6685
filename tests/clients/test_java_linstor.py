"""java-linstor from Maven Central, unmodified: the calls of CloudStack's plugin, in its order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.clients import toolchain
from tests.clients.nodes import SatelliteNode

SOURCE = Path(__file__).parent / "java_linstor"
WITHIN_S = 120


@pytest.fixture(scope="session")
def class_path() -> str:
    java_compiler = toolchain.need("javac", "default-jdk-headless")
    return toolchain.java_classes(SOURCE, toolchain.need("mvn", "maven"), java_compiler)


def test_cloudstack_calls(class_path: str, cluster: Any, two_nodes: list[SatelliteNode]) -> None:
    places = [f"{node.name}={node.address}={node.pool}" for node in two_nodes]
    said = toolchain.run_client(["java", "-cp", class_path, "CloudStackCalls", cluster.url, "thinpool", *places],
                                cluster.pool_dir, timeout_s=WITHIN_S, log=cluster.log)
    assert said.endswith("ALL CALLS ANSWERED AS CLOUDSTACK NEEDS THEM\n"), said
