"""Histories that the stateful test in tests/fuzz found, cut down to what matters."""

from __future__ import annotations

import pytest

from linstor_core.controller.operations import (
    connections,
    net_interfaces,
    nodes,
    resource_definitions,
    resources,
    volume_definitions,
)
from linstor_core.domain.errors import Code, Conflict
from linstor_core.testing.builders import Model
from linstor_core.wire import rest_bodies as bodies


def with_a_resource_without_volumes_on(model: Model, *names: str) -> None:
    fields = bodies.ResourceDefinitionFields(name="r1", layer_data=(bodies.rest_v1.ResourceDefinitionLayer(
        type="STORAGE"),))
    model.run(resource_definitions.create, bodies.ResourceDefinitionCreate(resource_definition=fields))
    model.run(volume_definitions.create, bodies.VolumeDefinitionCreate(
        volume_definition=bodies.VolumeDefinitionFields(size_kib=4096)), resource="r1")
    for name in names:
        model.run(resources.create_one, bodies.ResourceCreate(
            resource=bodies.ResourceFields(props={"StorPoolName": "thin"})), resource="r1", node=name)
    model.answer()
    model.run(volume_definitions.delete, resource="r1", number="0")
    model.answer()
    assert [resource.volumes for resource in model.cluster.resources_of("r1")] == [()] * len(names)


def test_a_resource_that_holds_nothing_is_deleted_at_once() -> None:
    """Its satellite has nothing left to do, so no report would ever complete the deletion."""
    model = Model.with_nodes(2)
    with_a_resource_without_volumes_on(model, "n1", "n2")
    change = model.run(resources.delete, resource="r1", node="n1")
    assert [entry.code for entry in model.entries(change) or []][-1] == 2
    assert [resource.node_name for resource in model.cluster.resources_of("r1")] == ["n2"]
    assert ("R1", "N1") not in model.cluster.resources_seen


def test_a_definition_whose_resources_hold_nothing_is_deleted_at_once() -> None:
    model = Model.with_nodes(2)
    with_a_resource_without_volumes_on(model, "n1", "n2")
    change = model.run(resource_definitions.delete, resource="r1")
    assert [entry.code for entry in model.entries(change) or []][-1] == 2
    assert not model.cluster.resource_definitions
    assert not model.cluster.resources
    assert not model.cluster.resources_seen


def test_a_node_takes_its_connections_with_it() -> None:
    """A later node of the same name starts without them."""
    model = Model.with_nodes(3)
    model.run(connections.modify_nodes, bodies.PropsModify(override_props={"Aux/a": "1"}), first="n1", second="n2")
    model.run(connections.modify_nodes, bodies.PropsModify(override_props={"Aux/a": "1"}), first="n2", second="n3")
    model.run(nodes.delete, node="n1")
    assert set(model.cluster.node_connections) == {("N2", "N3")}
    with_a_resource_without_volumes_on(model, "n2", "n3")
    model.run(connections.modify_resources, bodies.PropsModify(override_props={"Aux/a": "1"}), resource="r1",
              first="n2", second="n3")
    model.away("n3")
    model.run(nodes.lose, node="n3")
    assert not model.cluster.node_connections
    assert not model.cluster.resource_connections


def test_a_node_without_interfaces_does_not_become_a_satellite() -> None:
    model = Model()
    part = bodies.rest_v1.NetInterface(name="default", address="127.0.0.1", satellite_port=3366,
                                       satellite_encryption_type="PLAIN")
    model.run(nodes.create, bodies.NodeCreate(name="n1", type="CONTROLLER", net_interfaces=(part,)))
    model.run(net_interfaces.delete, node="n1", interface="DEFAULT")
    assert model.cluster.nodes["N1"].active_interface == ""
    with pytest.raises(Conflict) as refusal:
        model.run(nodes.modify, bodies.NodeModify(node_type="SATELLITE"), node="n1")
    assert refusal.value.code == Code.MISSING_NETCOM
