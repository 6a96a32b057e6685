"""Two nodes for every plugin that has to know what becomes of a volume when one of them is away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.plugins.two_nodes import TwoNodes


@pytest.fixture
def two_nodes(tmp_path: Path) -> Iterator[TwoNodes]:
    made = TwoNodes(tmp_path)
    try:
        made.start()
        yield made
    finally:
        made.stop()
