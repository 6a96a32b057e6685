"""How long the caller of a clone waits."""

from __future__ import annotations

import pytest

from linstor_core.controller.change import Change
from linstor_core.controller.operations import autoplace, clones, resource_definitions, volume_definitions
from linstor_core.domain.observed import Failure
from linstor_core.testing.builders import Model
from linstor_core.wire import rest_bodies as bodies
from linstor_core.wire import rest_v1


@pytest.fixture
def model() -> Model:
    model = Model.with_nodes(2)
    fields = bodies.ResourceDefinitionFields(name="r1", layer_data=(rest_v1.ResourceDefinitionLayer(type="STORAGE"),))
    model.run(resource_definitions.create, bodies.ResourceDefinitionCreate(resource_definition=fields))
    model.run(volume_definitions.create, bodies.VolumeDefinitionCreate(
        volume_definition=bodies.VolumeDefinitionFields(size_kib=1024)), resource="r1")
    filtered = bodies.AutoSelectFilter(place_count=2)
    model.run(autoplace.autoplace, bodies.AutoPlace(select_filter=filtered), resource="r1")
    model.answer()
    return model


def cloned(model: Model) -> Change:
    return model.run(clones.clone, bodies.CloneRequest(name="c1"), resource="r1")


def test_the_answer_comes_with_the_last_copy(model: Model) -> None:
    change = cloned(model)
    model.answer("n1")
    assert model.entries(change) is None
    model.answer("n2")
    assert [entry.is_error for entry in model.entries(change) or ()] == [False]
    assert change.wait_s == clones.WAIT_S


def test_nobody_waits_for_a_copy_that_fails(model: Model) -> None:
    change = cloned(model)
    model.answer("n1")
    model.answer("n2", failures=(Failure("It did not work."),))
    assert model.entries(change) is not None


def test_nobody_waits_for_a_node_that_is_away(model: Model) -> None:
    model.away("n2")
    assert 1002 in [entry.code for entry in model.entries(cloned(model)) or ()]
