"""What ends deletions by force, and what is done about orphans, word by word."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.client.scripted_controller import CREATED, ScriptedController

Linstor = Callable[..., tuple[int, str]]
WEB, OTHER, PART = ({"uuid": f"uuid-{number}", "kind": kind, "node_name": "node2", "resource_name": "web", **more}
                    for number, (kind, more) in enumerate((("RESOURCE", {}), ("RESOURCE", {}),
                                                           ("SNAPSHOT", {"snapshot_name": "daily"}))))
DELETED = "DELETE /v1/tombstones/uuid-0"


@pytest.mark.parametrize("what", ["web", "WEB", "uuid-0"])
def test_a_tombstone_is_named_by_what_it_was_or_its_uuid(controller: ScriptedController, linstor: Linstor,
                                                         what: str) -> None:
    controller.answer("GET /v1/tombstones", [WEB, PART])
    controller.answer(DELETED, [CREATED])
    status, _ = linstor(f"tombstone delete node2 {what}")
    assert (status, controller.asked[-1]) == (0, DELETED)
    assert controller.requests[0][1] == {"nodes": ["node2"]}


def test_a_name_that_several_have_is_refused(controller: ScriptedController, linstor: Linstor,
                                             capsys: pytest.CaptureFixture[str]) -> None:
    controller.answer("GET /v1/tombstones", [WEB, OTHER, PART])
    for what in ("web", "nothing"):
        status, text = linstor(f"tombstone delete node2 {what}")
        assert status != 0
        assert "UUID" in text + capsys.readouterr().err
    assert not [call for call in controller.asked if call.startswith("DELETE")]


@pytest.mark.parametrize(("line", "call"), [
    ("r d --force node1 web", "DELETE /v1/resource-definitions/web/resources/node1"),
    ("rd d --force --abandon web", "DELETE /v1/resource-definitions/web"),
    ("s d --force web daily", "DELETE /v1/resource-definitions/web/snapshots/daily")])
def test_force_is_said_and_nothing_else(controller: ScriptedController, linstor: Linstor, line: str,
                                        call: str) -> None:
    controller.answer(call, [CREATED])
    assert linstor(line)[0] == 0
    wanted = {"force": ["True"]} | ({"abandon": ["True"]} if "--abandon" in line else {})
    assert controller.requests[-1][:2] == (call, wanted)


def test_orphans_are_adopted_and_removed(controller: ScriptedController, linstor: Linstor) -> None:
    controller.answer("POST /v1/orphans/adopt", [CREATED])
    controller.answer("POST /v1/orphans/remove", [CREATED])
    assert linstor("orphans adopt node1 /srv/a_00000.img web --volume 1")[0] == 0
    assert controller.requests[-1][2] == {"node_name": "node1", "path": "/srv/a_00000.img", "resource_name": "web",
                                          "volume_number": 1}
    assert linstor("orphans remove node1 /srv/a_00000.img --data-id d1")[0] == 0
    assert controller.requests[-1][2] == {"node_name": "node1", "path": "/srv/a_00000.img", "data_id": "d1"}


def test_lists_of_what_waits_say_for_what(controller: ScriptedController, linstor: Linstor) -> None:
    waits = [{"node_name": "node2", "reason": "The node is not connected."}]
    resources = [{"name": "web", "node_name": node, "blocked_by": found} for node, found in (("n1", []), ("n2", waits))]
    controller.answer("GET /v1/view/resources", resources)
    controller.answer("GET /v1/view/snapshots", [{"name": "daily", "resource_name": "web", "blocked_by": waits}])
    for line in ("r l", "s l"):
        assert "node2: The node is not connected." in linstor(line)[1]
    controller.answer("GET /v1/view/resources", [json.loads(json.dumps(resources[0]))])
    assert "BlockedBy" not in linstor("r l")[1]
