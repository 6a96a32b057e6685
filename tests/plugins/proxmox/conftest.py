"""A storage of Proxmox VE on real volumes: a cluster, the endpoint as a process, and perl with the module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.plugins.proxmox.perl_module import EndpointProcess, PerlModule, endpoint_process, prepare
from tools.services import Service


@pytest.fixture
def endpoint(cluster: Service, tmp_path: Path) -> Iterator[EndpointProcess]:
    prepare(cluster)
    with endpoint_process(cluster, tmp_path / "endpoint") as running:
        yield running


@pytest.fixture
def module(endpoint: EndpointProcess) -> Iterator[PerlModule]:
    perl = PerlModule(endpoint.socket, endpoint.section)
    try:
        yield perl
    finally:
        perl.close()
