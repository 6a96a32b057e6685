"""A scripted controller for every test here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from linstor_core.client.client import LinstorClient
from tests.client.scripted_controller import ScriptedController, scripted_controller


@pytest.fixture
def controller() -> Iterator[ScriptedController]:
    with scripted_controller() as script:
        yield script


@pytest.fixture
def client(controller: ScriptedController) -> LinstorClient:
    return LinstorClient(controller.url, timeout_s=5)
