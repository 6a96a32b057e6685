"""--dry-run shows what would happen and changes nothing, or refuses where it can't know."""

from __future__ import annotations

import json

import msgspec
import pytest

from linstor_core.controller.api_description import routes_describing
from linstor_core.controller.call import Call
from linstor_core.controller.routes import ROUTES
from linstor_core.wire.api_call_rc import ApiCallRc
from linstor_core.wire.plan import Plan, PlannedObject, PlannedWork, Redundancy
from tests.client.scripted_controller import CREATED, refusal

DESCRIPTION = next(route.read for route in routes_describing(ROUTES) if route.path == "/v1/openapi.json")
PLAN = Plan(
    (ApiCallRc(1, "web is placed"),),
    (PlannedObject("resource", "WEB/NODE2", "create", after={"name": "web"}),
     PlannedObject("resource_definition", "WEB", "modify", {"size_kib": 1}, {"size_kib": 2}),
     PlannedObject("snapshot", "WEB/S1", "delete", before={"name": "s1"})),
    (PlannedWork("node2", "web", ("make the file /var/pool/web",), ("the pool is locked",)),
     PlannedWork("node3", "web", unknown="the node is not connected"), PlannedWork("node4", "web")),
    (Redundancy("web", 1, 2, 1, 2),))


@pytest.fixture
def planner(controller):
    """Says of itself what this product's controller says."""
    controller.answer("GET /v1/openapi.json", json.loads(msgspec.json.encode(DESCRIPTION(None, Call))))
    return controller


def test_a_plan_in_words(planner, linstor):
    planner.answer("POST /v1/resource-groups/gold/spawn", json.loads(msgspec.json.encode(PLAN)))
    status, text = linstor("--dry-run rg spawn gold web 1G")
    assert (status, text) == (0, """\
Objects:
    + create resource WEB/NODE2
    ~ modify resource definition WEB
          size_kib: 1 -> 2
    - delete snapshot WEB/S1
Steps on node2 for web:
    make the file /var/pool/web
    obstacle: the pool is locked
Steps on node3 for web:
    unknown: the node is not connected
Steps on node4 for web:
    nothing to do
Redundancy:
    web: 1 -> 2 replicas, 1 -> 2 of them on connected nodes
Answer:
    web is placed
Nothing was done.
""")
    assert planner.requests[-1][1] == {"dry_run": ["true"]}


def test_plans_as_json(planner, linstor):
    plan = json.loads(msgspec.json.encode(PLAN))
    for name in ("a", "b"):
        planner.answer(f"DELETE /v1/resource-definitions/{name}", plan)
    status, text = linstor("-m --dry-run rd d a b")
    assert (status, json.loads(text)) == (0, [plan, plan])
    assert planner.asked.count("GET /v1/openapi.json") == 1


def test_a_plan_that_would_be_refused(planner, linstor):
    entries = refusal(997, "web is in use")
    for answer, status in (({"entries": entries}, 200), ({"entries": entries}, 500), (entries, 500)):
        planner.answer("DELETE /v1/resource-definitions/web", answer, status=status)
        assert linstor("--dry-run rd d web") == (10, "ERROR:\n    web is in use\n")
    planner.answer("DELETE /v1/resource-definitions/web", [CREATED])
    assert linstor("--dry-run rd d web")[0] == 22


def test_a_clone_is_not_waited_for(planner, linstor):
    planner.answer("POST /v1/resource-definitions/web/clone", json.loads(msgspec.json.encode(PLAN)))
    assert "Nothing was done." in linstor("--dry-run rd clone web copy")[1]


@pytest.mark.parametrize("line", ["e cp -p secret", "c bakdb copy", "err d", "c set-log-level debug", "sos create"])
def test_what_nobody_can_plan_is_not_done(planner, linstor, capsys, line):
    assert linstor("--dry-run " + line) == (4, "")
    assert planner.asked == ["GET /v1/openapi.json"]
    assert "--dry-run" in capsys.readouterr().err


def test_a_controller_that_plans_nothing_is_not_asked_to(controller, linstor):
    controller.answer("DELETE /v1/resource-definitions/web", [CREATED])
    assert linstor("--dry-run rd d web")[0] == 4
    assert controller.asked == ["GET /v1/openapi.json"]


def test_reading_is_as_ever(controller, linstor):
    controller.answer("GET /v1/key-value-store", [])
    controller.answer("POST /v1/resource-groups/gold/query-size-info", {})
    assert linstor("--dry-run kv l")[0] == 0
    assert linstor("--dry-run rg qsi gold")[0] == 0


def test_every_call_that_changes_objects_says_that_it_can_be_planned():
    paths = DESCRIPTION(None, Call)["paths"]
    plannable = {(method.upper(), path) for path, operations in paths.items() for method, found in operations.items()
                 if any(parameter["name"] == "dry_run" for parameter in found.get("parameters", ()))}
    assert len(plannable) == len([route for route in ROUTES if route.write is not None])
