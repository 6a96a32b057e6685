"""The recordings of LINSTOR 1.34 against this controller. No scenario may pass fewer steps than it once did."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import conformance

pytestmark = pytest.mark.skipif(not conformance.RECORDINGS.is_dir(),
                                reason="the recordings (../shared/conformance) are not beside this checkout")


def _shortfall(play: Callable[[list[Path], int], str], with_satellites: bool) -> dict[str, str]:
    output = play(conformance.scenarios(with_satellites), 0)
    print(output)
    passed = conformance.results(output)
    expected = {path.stem for path in conformance.scenarios(with_satellites)}
    floors = {name: steps for name, steps in conformance.floors().items() if name in expected}
    return {name: f"{passed.get(name, (0, 0))[0]} steps pass, {steps} did before"
            for name, steps in floors.items() if passed.get(name, (0, 0))[0] < steps}


def test_a_bare_controller_answers_as_recorded() -> None:
    assert _shortfall(conformance.play_alone, False) == {}


def test_three_satellites_do_as_recorded(root_required: None) -> None:
    if shutil.which("ip") is None:
        pytest.skip("needs network namespaces: the command ip (Debian package iproute2) is missing")
    assert _shortfall(conformance.play_with_satellites, True) == {}
