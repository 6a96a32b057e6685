"""Key-value stores, remotes and connections."""

from __future__ import annotations

import pytest

from linstor_core.controller.call import Call
from linstor_core.controller.operations import backups, connections, key_value_stores, remotes
from linstor_core.controller.queries import registers, resources
from linstor_core.domain.errors import AlreadyExists, Code, InvalidInput, LinstorError, NotFound
from linstor_core.domain.resource_definitions import ResourceDefinition
from linstor_core.domain.resources import Resource
from linstor_core.testing.builders import Model
from linstor_core.wire.rest_bodies import KeyValueStoreModify, PropsModify
from linstor_core.wire.rest_remotes import BackupRequest, LinstorRemoteBody, S3RemoteBody


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


@pytest.mark.parametrize(("text", "url"), [
    ("192.0.2.1", "http://192.0.2.1:3370"), ("https://host.example:3371", "https://host.example:3371"),
    ("http://[2001:db8::1]", "http://[2001:db8::1]:3370"),
])
def test_the_url_of_a_cluster_is_completed(text: str, url: str) -> None:
    assert remotes.checked_url(text, {}) == url


@pytest.mark.parametrize("text", ["not a url", "ftp://host", "http://", "http://host:99999", "http://user@host"])
def test_what_is_no_url_of_a_cluster(text: str) -> None:
    with pytest.raises(InvalidInput):
        remotes.checked_url(text, {})


def test_another_cluster_is_kept_changed_and_forgotten() -> None:
    model = Model()
    model.run(remotes.create, LinstorRemoteBody("east", "192.0.2.1"))
    with pytest.raises(AlreadyExists):
        model.run(remotes.create, LinstorRemoteBody("EAST", "192.0.2.2"))
    model.run(remotes.modify, LinstorRemoteBody(url="192.0.2.9"), remote="east")
    shown = registers.list_linstor_remotes(model.cluster, Call(None))
    assert [(remote.remote_name, remote.url) for remote in shown] == [("east", "http://192.0.2.9:3370")]
    model.run(remotes.delete, query={"remote_name": ["East"]})
    assert not model.cluster.linstor_remotes


def test_no_secret_is_stored() -> None:
    model = Model()
    for write, body in ((remotes.create, LinstorRemoteBody("east", "192.0.2.1", passphrase="secret")),
                        (remotes.create_with_secret, S3RemoteBody("east", secret_key="secret"))):
        with pytest.raises(LinstorError) as refusal:
            model.run(write, body)
        assert refusal.value.code == Code.NOT_FOUND_CRYPT_KEY
        assert "secret" not in str(refusal.value)
    assert not model.cluster.linstor_remotes


def test_backups_are_refused() -> None:
    model = Model()
    model.run(remotes.create, LinstorRemoteBody("east", "192.0.2.1"))
    with pytest.raises(NotFound):
        model.run(backups.ship, BackupRequest(), remote="west")
    with pytest.raises(InvalidInput) as refusal:
        model.run(backups.ship, BackupRequest(), remote="east")
    assert refusal.value.code == Code.INVLD_REMOTE_NAME


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
