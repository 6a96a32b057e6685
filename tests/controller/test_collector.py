"""The garbage collector leaves the model alone, and works on everything else."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from linstor_core.controller.collector import Collector


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    thresholds = gc.get_threshold()
    gc.unfreeze()
    yield
    gc.unfreeze()
    gc.enable()
    gc.set_threshold(*thresholds)


def test_what_was_loaded_is_set_aside() -> None:
    with Collector().loading():
        assert not gc.isenabled()
    assert gc.isenabled() and gc.get_freeze_count() > 0


def test_a_load_that_fails_leaves_the_collector_at_work() -> None:
    with pytest.raises(OSError), Collector().loading():
        raise OSError
    assert gc.isenabled() and gc.get_freeze_count() == 0


def test_it_settles_only_after_growth() -> None:
    collector = Collector()
    collector.settle(999)
    assert gc.get_freeze_count() == 0
    collector.settle(1000)
    assert gc.get_freeze_count() > 0
    gc.unfreeze()
    collector.settle(1999)
    assert gc.get_freeze_count() == 0
    collector.settle(400)
    collector.settle(1400)
    assert gc.get_freeze_count() > 0
