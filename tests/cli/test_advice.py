"""`advise`: found in what the lists show, for resources as they are and for a node that is to go down."""

from __future__ import annotations

import json

import pytest

DRBD = [{"type": "DRBD"}, {"type": "STORAGE"}]
LISTS = {
    "GET /v1/nodes": [{"name": name, "connection_status": status} for name, status in (
        ("n1", "ONLINE"), ("n2", "ONLINE"), ("n3", "ONLINE"), ("n4", "OFFLINE"))],
    "GET /v1/resource-groups": [{"name": "gold", "select_filter": {"place_count": 2, "storage_pool_list": ["Thin"]}},
                                {"name": "any"}],
    "GET /v1/resource-definitions": [
        {"name": "few", "resource_group_name": "gold", "layer_data": DRBD},
        {"name": "many", "resource_group_name": "gold"},
        {"name": "pair", "resource_group_name": "gold", "layer_data": DRBD},
        {"name": "whole", "resource_group_name": "gold", "layer_data": DRBD},
        {"name": "away", "resource_group_name": "any"},
        {"name": "unplaced", "resource_group_name": "gold"},
    ],
    "GET /v1/view/storage-pools": [
        {"node_name": "n3", "storage_pool_name": "thin", "provider_kind": "LVM_THIN"},
        {"node_name": "n3", "storage_pool_name": "none", "provider_kind": "DISKLESS"}],
    "GET /v1/view/resources": [
        {"name": "few", "node_name": "n1"}, {"name": "few", "node_name": "n3", "flags": ["DISKLESS", "DRBD_DISKLESS"],
                                             "state": {"in_use": True}},
        {"name": "many", "node_name": "n1", "state": {"in_use": True}}, {"name": "many", "node_name": "n2"},
        {"name": "many", "node_name": "n3"},
        {"name": "pair", "node_name": "n1"}, {"name": "pair", "node_name": "n2"},
        {"name": "whole", "node_name": "n1"}, {"name": "whole", "node_name": "n2"},
        {"name": "whole", "node_name": "n3", "flags": ["DRBD_DISKLESS", "TIE_BREAKER"]},
        {"name": "away", "node_name": "n1"}, {"name": "away", "node_name": "n4"},
    ],
}


@pytest.fixture
def advise(controller, linstor):
    for call, body in LISTS.items():
        controller.answer(call, body)

    def found(line):
        status, text = linstor("-m adv " + line)
        assert status == 0
        return {(issue["resource"], issue["kind"]): issue["fix"] for issue in json.loads(text)}

    return found


def test_resources_as_they_are(advise):
    assert advise("resource") == {
        ("few", "too-few-replicas"): "linstor resource-definition auto-place --place-count 2 few",
        ("few", "diskless-in-use"): "linstor resource toggle-disk n3 few --storage-pool thin",
        ("many", "too-many-replicas"): "linstor resource delete n2 many",
        ("pair", "no-tiebreaker"): "linstor resource-definition auto-place --drbd-diskless --place-count 1 pair",
    }
    assert set(advise("resource -f no-tiebreaker")) == {("pair", "no-tiebreaker")}


def test_a_node_that_is_to_go_down(advise):
    assert set(advise("maintenance n1")) == {
        ("few", "single-replica"), ("few", "pot-split-brain"), ("many", "in-use"), ("pair", "loses-redundancy"),
        ("pair", "pot-split-brain"), ("whole", "loses-redundancy"), ("away", "single-replica")}
    assert set(advise("maintenance N4")) == {("away", "loses-redundancy")}


def test_for_people(advise, linstor):
    text = linstor("adv m n1 -f single-replica")[1]
    assert "Possible fix" in text
    assert "No other replica is on a connected node" in text
    assert linstor("adv m nobody")[0] == 3
