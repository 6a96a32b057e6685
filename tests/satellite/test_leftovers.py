"""What was begun and is to be deleted is gone when its beginning is gone, too: until then nobody hears that it is.

What is made to try something out has no name: nothing can be left of it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from linstor_core.satellite.convergence import Converged, converge
from linstor_core.satellite.facts import PoolFacts
from linstor_core.satellite.failures import StepFailed
from linstor_core.satellite.loop_devices import LoopDevices
from linstor_core.satellite.observer import Observer
from linstor_core.satellite.steps import CreateBackingFile
from linstor_core.testing.satellite_specs import pool, resource, snapshot, volume
from linstor_core.testing.simulated_node import SimulatedNode
from linstor_core.testing.virtual_clock import VirtualClock
from linstor_core.wire.resource_spec import ResourceSpec

VOLUME = "/pool/.r_00000.d1.tmp"
SNAPSHOT = "/pool/.r_00000_s1.ds1.tmp"


def worked(node: SimulatedNode, spec: ResourceSpec) -> Converged:
    return converge(spec, {"P": pool("/pool")}, frozenset(), node, node)


@pytest.mark.parametrize(("temporary", "data_id"), [(VOLUME, "d1"), (SNAPSHOT, "ds1")])
def test_a_beginning_that_cannot_be_removed_is_not_told_to_be_gone(temporary: str, data_id: str) -> None:
    node = SimulatedNode(("/pool",))
    node.run(CreateBackingFile(temporary, 4096, False, data_id))
    doomed = resource(volume(delete=True), snapshots=(structs.replace(snapshot(), delete=True),))
    node.fail_next = StepFailed("It cannot be removed")

    seen = worked(node, doomed).seen
    told = [found.data_id for found in seen.volumes] + [f"d{found.name}" for found in seen.snapshots]
    assert seen.failures and temporary in node.files
    assert told == [other for other in ("d1", "ds1") if other != data_id]

    seen = worked(node, doomed).seen
    assert not node.files and not seen.failures
    assert [found.present for found in (*seen.volumes, *seen.snapshots)] == [False, False]


def test_trying_a_directory_out_gives_nothing_a_name(pool_dir: Path) -> None:
    clock = VirtualClock()
    before = pool_dir.stat().st_mtime_ns
    facts = Observer(LoopDevices(clock.monotonic, clock.pause)).pool(pool(str(pool_dir)))
    assert isinstance(facts, PoolFacts) and facts.reflink
    assert list(pool_dir.iterdir()) == []
    assert pool_dir.stat().st_mtime_ns == before
