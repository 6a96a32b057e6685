"""The command line against a scripted controller, in this process."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import pytest

from linstor_core.cli.__main__ import run
from tests.client.scripted_controller import ScriptedController, scripted_controller


class Utf8Text(io.StringIO):
    """What a terminal that takes UTF-8 would get."""

    encoding = "utf-8"


@pytest.fixture
def controller() -> Iterator[ScriptedController]:
    with scripted_controller() as script:
        yield script


@pytest.fixture
def linstor(controller: ScriptedController) -> Callable[..., tuple[int, str]]:
    """linstor("node list") gives (exit status, what was written)."""

    def call(line: str, *more: str) -> tuple[int, str]:
        out = Utf8Text()
        status = run(["--disable-config", "--controllers", controller.url, *line.split(), *more], out)
        return status, out.getvalue()

    return call
