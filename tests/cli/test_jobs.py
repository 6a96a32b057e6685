"""Jobs on the command line: what is asked for, what is shown meanwhile, and how a command ends that waits for one."""

from __future__ import annotations

import json

import pytest

from linstor_core.cli import job as jobs

JOB = {"uuid": "u-1", "kind": "MOVE", "state": "RUNNING", "stage": "COPYING", "node_name": "n1", "resource_name": "web",
       "target_node": "n2", "done_kib": 512, "total_kib": 2048, "created": 1_700_000_000_000,
       "steps": [{"message": "Node 'n2' takes it.", "timestamp": 1_700_000_000_000}]}
DONE = {**JOB, "state": "DONE", "stage": "REMOVING", "message": "'web' is on node 'n2'.", "done_kib": None,
        "total_kib": None}
STARTED = [{"ret_code": 1, "message": "'web' is being moved.", "obj_refs": {"Job": "u-1"}}]
MOVE = "POST /v1/resource-definitions/web/resources/n1/move"


def test_a_move_is_followed_to_its_end(controller, linstor):
    controller.answer(MOVE, STARTED)
    controller.answers_in_turn("GET /v1/jobs/u-1", JOB, JOB, DONE)
    status, text = linstor("resource move --target n2 -s fast n1 web")
    assert status == 0
    assert controller.body_of(MOVE) == {"target_node": "n2", "target_pool": "fast"}
    assert controller.asked.count("GET /v1/jobs/u-1") == 3
    assert "'web' is on node 'n2'." in text


def test_a_move_that_is_to_be_left_alone(controller, linstor):
    controller.answer(MOVE, STARTED)
    status, text = linstor("r mv --async n1 web")
    assert (status, controller.asked) == (0, [MOVE])
    assert "is being moved" in text


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED"])
def test_a_job_that_ends_badly_is_an_error(controller, linstor, state):
    controller.answer("GET /v1/jobs/u-1", {**DONE, "state": state, "message": "Called off."})
    status, text = linstor("job wait u-1")
    assert status == 10
    assert text.startswith("ERROR") and "Called off." in text


def test_scripts_get_the_answer_alone(controller, linstor):
    controller.answer(MOVE, STARTED)
    controller.answer("GET /v1/jobs/u-1", DONE)
    status, text = linstor("-m resource move n1 web")
    assert status == 0
    assert json.loads(text)[0]["obj_refs"] == {"Job": "u-1"}


def test_what_waits_is_not_waited_for_without_end(controller, linstor):
    controller.answer(MOVE, STARTED)
    controller.answer("GET /v1/jobs/u-1", {**JOB, "state": "WAITING", "blocked_by": "The node 'n2' is not connected."})
    status, text = linstor("resource move n1 web")
    assert status == 0
    assert "The node 'n2' is not connected." in text and "goes on by itself" in text
    assert controller.asked.count("GET /v1/jobs/u-1") > jobs.PATIENCE_S / jobs.POLL_S / 5


def test_the_list(controller, linstor):
    waiting = {"uuid": "u-2", "kind": "EVACUATE", "state": "WAITING", "node_name": "n1", "done_resources": 3,
               "total_resources": 5, "blocked_by": "No node can take it."}
    controller.answer("GET /v1/jobs", [JOB, waiting, DONE])
    status, text = linstor("job list --live --states running waiting --kinds move -n n1 -r web -p")
    assert status == 0
    assert controller.requests[-1][1] == {"live": ["True"], "states": ["RUNNING", "WAITING"], "kinds": ["MOVE"],
                                          "nodes": ["n1"], "resources": ["web"]}
    for shown in ("512 KiB of 2 MiB (25 %)", "3 of 5 resources", "No node can take it.", "2023-11-14"):
        assert shown in text
    assert "removing" not in text


def test_one_job(controller, linstor):
    controller.answer("GET /v1/jobs/u-1", JOB)
    status, text = linstor("job show u-1 -p")
    assert status == 0
    assert "copying" in text and "Node 'n2' takes it." in text
    assert json.loads(linstor("-m job show u-1")[1])[0]["uuid"] == "u-1"


def test_cancelling_and_forgetting(controller, linstor):
    controller.answer("POST /v1/jobs/u-1/cancel", [{"ret_code": 3, "message": "being called off"}])
    controller.answer("DELETE /v1/jobs/u-1", [{"ret_code": 2, "message": "forgotten"}])
    assert linstor("job cancel u-1")[0] == 0
    assert linstor("job delete u-1 u-1")[0] == 0
    assert controller.asked == ["POST /v1/jobs/u-1/cancel", "DELETE /v1/jobs/u-1", "DELETE /v1/jobs/u-1"]
