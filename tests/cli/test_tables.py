"""Lists as people see them: columns, order and states are LINSTOR's. Rewrite a file here when a table changes."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

TABLES = Path(__file__).parent / "tables"
ANSWERS = json.loads((TABLES / "answers.json").read_text())
CASES = {
    "node-list": "node list", "node-info": "node info", "node-list-aux": "n l --show-aux-props -s Aux/zone=Zone",
    "node-interface-list": "node interface list node2", "storage-pool-list": "storage-pool list",
    "resource-group-list": "rg l", "query-max-volume-size": "rg qmvs gold", "query-size-info": "rg qsi gold",
    "volume-group-list": "vg l gold", "resource-definition-list": "rd l", "volume-definition-list": "vd l",
    "resource-list": "r l", "resource-list-faulty": "r l --faulty", "resource-list-by-node": "r l -p -g node",
    "volume-list": "v l", "resource-list-volumes": "r lv", "snapshot-list": "s l", "error-reports-list": "err l",
    "error-reports-list-full": "err l -f", "key-value-store-list": "kv l", "key-value-store-show": "kv s csi",
    "physical-storage-list": "ps l", "controller-list-properties": "c lp", "node-describe": "n dsc",
    "node-connection-list": "nc l", "node-connection-path-list": "nc p l node1 node2",
    "resource-connection-list": "rc l web", "resource-connection-list-properties": "rc lp node1 node2 web",
    "remote-list": "remote list", "backup-list": "b l store --show-id", "backup-list-others": "b l store -o",
    "backup-queue-list": "b q l", "schedule-list": "sched l", "schedule-list-by-resource": "sched lbr",
    "schedule-list-by-resource-details": "sched lbd web", "tombstone-list": "tombstone list",
    "orphans-list": "orphans list", "file-list": "f l", "token-list": "c tok l",
    "explain": "rg ex gold --size 1M", "controller-query-max-volume-size": "c qmvs 2 --replicas-on-different zone",
}

BARE = {"key-value-store-list", "key-value-store-show", "error-reports-list", "error-reports-list-full",
        "query-size-info", "remote-list", "backup-list", "backup-list-others", "backup-queue-list", "schedule-list",
        "schedule-list-by-resource", "schedule-list-by-resource-details"}
PROPERTIES = {
    "controller-list-properties": ANSWERS["GET /v1/controller/properties"],
    "node-connection-path-list": {"Paths/fast/node1": "data", "Paths/fast/node2": "data"},
    "resource-connection-list-properties": {"Paths/p/node1": "data", "Aux/a": "1"},
}
"""Where LINSTOR's client leaves out the list around the body."""


@pytest.fixture
def prepared(controller):
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    for call, body in ANSWERS.items():
        controller.answer(call, body)
    yield controller
    os.environ.pop("TZ")
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.parametrize("name", CASES)
def test_table(name, prepared, linstor):
    status, text = linstor(CASES[name])
    assert status == 0
    file = TABLES / f"{name}.txt"
    if os.environ.get("REWRITE_TABLES"):
        file.write_text(text)
    assert text == file.read_text()


def test_colours_and_plain_characters(prepared, linstor):
    _, text = linstor("--no-utf8 node list")
    assert text.isascii()
    assert "\x1b" not in text


@pytest.mark.parametrize("name", sorted(CASES))
def test_json_is_the_raw_body(name, prepared, linstor):
    status, text = linstor("-m " + CASES[name])
    answer = json.loads(text)
    assert status == 0
    if name in PROPERTIES:
        assert answer == [[{"key": key, "value": value} for key, value in PROPERTIES[name].items()]]
    elif name in BARE:
        assert answer in ANSWERS.values()
    else:
        assert len(answer) == 1
        assert answer[0] in ANSWERS.values()
