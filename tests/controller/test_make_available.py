"""Making available never presents a blank device under the name of a volume that has content elsewhere."""

from __future__ import annotations

import pytest

from linstor_core.controller.operations import autoplace, resource_definitions, resources, volume_definitions
from linstor_core.domain.errors import Code, InvalidInput
from linstor_core.testing.builders import Model
from linstor_core.wire import rest_bodies as bodies
from linstor_core.wire import rest_v1


@pytest.fixture
def placed_on_first() -> Model:
    model = Model.with_nodes(2)
    fields = bodies.ResourceDefinitionFields(name="r1", layer_data=(
        rest_v1.ResourceDefinitionLayer(type="STORAGE"),))
    model.run(resource_definitions.create, bodies.ResourceDefinitionCreate(resource_definition=fields))
    model.run(volume_definitions.create, bodies.VolumeDefinitionCreate(
        volume_definition=bodies.VolumeDefinitionFields(size_kib=1024)), resource="r1")
    model.run(autoplace.make_available, bodies.MakeAvailable(), resource="r1", node="n1")
    model.answer()
    return model


@pytest.mark.parametrize("diskful", [False, True])
def test_storage_alone_brings_no_content_to_another_node(placed_on_first: Model, diskful: bool) -> None:
    with pytest.raises(InvalidInput) as refusal:
        placed_on_first.run(autoplace.make_available, bodies.MakeAvailable(diskful=diskful), resource="r1", node="n2")
    assert refusal.value.code == Code.INVLD_LAYER_STACK
    assert "n1" in refusal.value.message
    assert list(placed_on_first.cluster.resources) == [("R1", "N1")]


def test_who_wants_an_independent_replica_creates_it(placed_on_first: Model) -> None:
    body = bodies.ResourceCreate(resource=bodies.ResourceFields(props={"StorPoolName": "thin"}))
    placed_on_first.run(resources.create_one, body, resource="r1", node="n2")
    assert len(placed_on_first.cluster.resources) == 2
