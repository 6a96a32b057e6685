"""Key-value stores and connections."""

from __future__ import annotations

import pytest

from linstor_core.controller.call import Call
from linstor_core.controller.operations import connections, key_value_stores
from linstor_core.controller.queries import registers, resources
from linstor_core.domain.errors import Code, InvalidInput, NotFound
from linstor_core.domain.resource_definitions import ResourceDefinition
from linstor_core.domain.resources import Resource
from linstor_core.testing.builders import Model
from linstor_core.wire.rest_bodies import KeyValueStoreModify, PropsModify


def test_a_store_takes_any_key_and_scalar() -> None:
    model = Model()
    given = {"a": "1", "/ns/b": 2, "ns//c": True, "": "x", "ü": "ö", "f": 1.5}
    model.run(key_value_stores.modify, KeyValueStoreModify(given), store="Mine")
    assert model.cluster.key_value_stores["MINE"].props == {
        "a": "1", "ns/b": "2", "ns/c": "true", "": "x", "ü": "ö", "f": "1.5"}
    model.run(key_value_stores.modify, KeyValueStoreModify(delete_props=("/a", "nope"), delete_namespaces=("ns",)),
              store="mine")
    assert model.cluster.key_value_stores["MINE"].props == {"": "x", "ü": "ö", "f": "1.5"}
    assert model.cluster.key_value_stores["MINE"].name == "Mine"


def test_a_store_without_keys_is_none() -> None:
    model = Model()
    model.run(key_value_stores.modify, KeyValueStoreModify(), store="mine")
    assert not model.cluster.key_value_stores
    model.run(key_value_stores.modify, KeyValueStoreModify({"a": "1"}), store="mine")
    model.run(key_value_stores.modify, KeyValueStoreModify(delete_props=("a",)), store="mine")
    assert not model.cluster.key_value_stores
    assert [entry.code for entry in model.run(key_value_stores.delete, store="mine").answers] == [3000]


def test_a_null_changes_nothing() -> None:
    model = Model()
    with pytest.raises(InvalidInput) as refusal:
        model.run(key_value_stores.modify, KeyValueStoreModify({"a": "1", "b": None}), store="mine")
    assert refusal.value.code == Code.INVLD_PROP
    assert not model.cluster.key_value_stores
    with pytest.raises(InvalidInput):
        model.run(key_value_stores.modify, KeyValueStoreModify({"a": "1"}), store="not valid")


def test_what_holds_between_nodes_is_filed_once() -> None:
    model = Model.with_nodes(2)
    model.run(connections.modify_nodes, PropsModify({"Aux/cable": "red"}), first="N2", second="n1")
    model.run(connections.modify_nodes, PropsModify({"Aux/speed": "10"}), first="n1", second="n2")
    assert registers.list_node_connections(model.cluster, Call(None)) == [
        {"node_a": "n1", "node_b": "n2", "props": {"Aux/cable": "red", "Aux/speed": "10"}}]
    model.run(connections.modify_nodes, PropsModify(delete_namespaces=("Aux",)), first="n1", second="n2")
    assert not model.cluster.node_connections


def test_what_held_between_replicas_does_not_hold_for_a_later_definition_of_the_name() -> None:
    model = Model.with_nodes(2)
    call = Call(None, {"resource": "data"})

    def define(uuid: str) -> None:
        model.put(ResourceDefinition(uuid, "data", "DfltRscGrp"), Resource(f"{uuid}1", "data", "n1"),
                  Resource(f"{uuid}2", "data", "n2"))

    def shown() -> dict[str, str]:
        found = resources.connections(model.cluster, call)
        return found[0].props  # type: ignore[index, no-any-return]

    define("first")
    path = {"resource": "data", "first": "n2", "second": "n1"}
    model.run(connections.modify_resources, PropsModify({"DrbdOptions/Net/allow-two-primaries": "yes"}), **path)
    assert shown() == {"DrbdOptions/Net/allow-two-primaries": "yes"}
    define("second")
    assert shown() == {}
    model.run(connections.modify_resources, PropsModify({"Aux/a": "1"}), **path)
    assert shown() == {"Aux/a": "1"}
    with pytest.raises(NotFound):
        model.run(connections.modify_resources, PropsModify(), resource="other", first="n1", second="n2")
