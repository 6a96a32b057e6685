"""CloudStack's API over a model, and the configuration that leads to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from linstor_cloudstack.cloudstack_api import CloudStackApi
from linstor_cloudstack.settings import Settings

from tests.plugins.cloudstack.cloudstack_server import KEY, SECRET, CloudStackModel, CloudStackServer, serving
from tests.plugins.cloudstack.site import Site
from tools.services import Service


@pytest.fixture
def cloud() -> CloudStackModel:
    return CloudStackModel()


@pytest.fixture
def server(cloud: CloudStackModel) -> Iterator[CloudStackServer]:
    with serving(cloud) as running:
        yield running


@pytest.fixture
def api(server: CloudStackServer) -> CloudStackApi:
    return CloudStackApi(Settings(server.endpoint, KEY, SECRET, timeout_s=10, poll_s=0.01))


@pytest.fixture
def site(cluster: Service, server: CloudStackServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Site:
    def captured() -> tuple[str, str]:
        found = capsys.readouterr()
        return found.out, found.err

    made = Site(cluster, server, tmp_path, captured)
    made.prepare()
    return made
