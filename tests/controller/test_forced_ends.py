"""Deletions that wait for nobody, connected or not: what stays is a tombstone, or what was abandoned, in words."""

from __future__ import annotations

import pytest
from msgspec import structs

from linstor_core.controller.operations import resource_definitions, resources, snapshots
from linstor_core.domain.errors import Code
from linstor_core.domain.observed import Failure
from linstor_core.testing.builders import Model
from linstor_core.wire import rest_bodies as bodies
from tests.controller.test_tombstones import codes, define, nothing_waits, place, refused, stones, the_stone


@pytest.fixture
def model() -> Model:
    """r1 with one volume of 1 MiB, placed on n1 and n2."""
    model = Model.with_nodes(2)
    define(model)
    for node in ("n1", "n2"):
        place(model, node)
    model.answer()
    return model


def test_a_forced_end_waits_for_nobody_and_keeps_track(model: Model) -> None:
    model.run(resources.delete, resource="r1", node="n2")
    model.answer("n2", failures=(Failure("The pool can't be looked at."),))
    assert model.cluster.resource("r1", "n2") is not None
    change = model.run(resources.delete, resource="r1", node="n2", query={"force": ["true"]})
    assert codes(model, change) == [2, 0]
    assert model.cluster.resource("r1", "n2") is None
    assert the_stone(model).node_name == "n2"
    model.answer()
    assert nothing_waits(model)


def test_a_forced_end_of_everything(model: Model) -> None:
    model.run(snapshots.create, bodies.SnapshotCreate(name="s1"), resource="r1")
    model.answer()
    force = {"force": [""]}
    assert codes(model, model.run(snapshots.delete, resource="r1", snapshot="s1", query=force)) == [2, 0, 0]
    assert codes(model, model.run(resource_definitions.delete, resource="r1", query=force)) == [2, 0, 0]
    assert not model.cluster.resource_definitions
    assert not model.cluster.snapshots
    assert len(stones(model)) == 4
    model.answer()
    assert nothing_waits(model)


def test_what_is_abandoned_is_named_file_by_file(model: Model) -> None:
    pool = model.cluster.storage_pools["N2", "THIN"]
    model.put(structs.replace(pool, props={"StorDriver/StorPoolName": "/pools/thin"}))
    query = {"force": ["true"], "abandon": ["true"]}
    change = model.run(resources.delete, resource="r1", node="n2", query=query)
    assert "/pools/thin/r1_00000.img" in change.answers[-1].details
    assert not stones(model)
    assert refused(model, resources.delete, {"abandon": ["true"]}, resource="r1", node="n1").code == Code.INVLD_REQUEST


def test_force_takes_nothing_from_under_a_device_or_a_snapshot(model: Model) -> None:
    force = {"force": ["true"]}
    model.run(snapshots.create, bodies.SnapshotCreate(name="s1"), resource="r1")
    assert refused(model, resources.delete, force, resource="r1", node="n1").code == Code.BUSY
    model.answer()
    seen = model.cluster.resources_seen["R1", "N2"]
    model.put(structs.replace(seen, volumes=(structs.replace(seen.volumes[0], in_use=True),)))
    assert refused(model, resources.delete, force, resource="r1", node="n2").code == Code.IN_USE
