"""Schedules: what is a cron, and which schedule holds for which resource."""

from __future__ import annotations

from typing import Any

import pytest

from linstor_core.controller.call import Call
from linstor_core.controller.operations import remotes, schedules
from linstor_core.controller.queries import schedules as views
from linstor_core.domain import crons
from linstor_core.domain.errors import AlreadyExists, Code, InvalidInput, LinstorError, NotFound
from linstor_core.domain.registers import LinstorRemote
from linstor_core.domain.resource_definitions import ResourceDefinition
from linstor_core.domain.resource_groups import ResourceGroup
from linstor_core.testing.builders import Model
from linstor_core.wire.rest_backups import ScheduleBody
from linstor_core.wire.rest_schedules import ScheduleEnable, ScheduleScope

PATH = {"remote": "east", "schedule": "nightly"}


def planned() -> Model:
    """Two definitions, one of them in a group of its own, a remote and a schedule."""
    model = Model()
    model.put(LinstorRemote("r", "east", "http://192.0.2.1:3370"), ResourceGroup("g", "gold"),
              ResourceDefinition("d1", "one", "gold"), ResourceDefinition("d2", "two", "DfltRscGrp"))
    model.run(schedules.create, ScheduleBody(schedule_name="nightly", full_cron="0 3 * * *"))
    return model


def rows(model: Model, **query: str) -> list[tuple[str, str]]:
    found: Any = views.list_by_resource(model.cluster, Call(None, {}, {
        name.replace("_", "-"): [value] for name, value in query.items()}))
    return [(row.rsc_name, row.reason) for row in found.data]


@pytest.mark.parametrize("text", ["* * * * *", "0 3 * * SUN", "*/15 0-6,22 1,15 jan-MAR 1-5", "0 0 1 1 7",
                                  "5/10 * * * *"])
def test_crons(text: str) -> None:
    assert crons.checked(f"  {text} ") == text


@pytest.mark.parametrize("text", [
    "", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "a * * * *",
    "*/0 * * * *", "5-1 * * * *", "1- * * * *", "*-5 * * * *", "1,,2 * * * *", "-1 * * * *", "@daily", "MON * * * *",
    "\u0663 * * * *"])
def test_what_is_no_cron(text: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        crons.checked(text)
    assert refusal.value.code == Code.INVLD_TIME_PARAM
    assert refusal.value.cause and refusal.value.correction


def test_a_schedule_is_kept_changed_and_deleted() -> None:
    model = planned()
    with pytest.raises(AlreadyExists):
        model.run(schedules.create, ScheduleBody(schedule_name="NIGHTLY", full_cron="0 3 * * *"))
    model.run(schedules.modify, ScheduleBody(inc_cron="0 4 * * *", keep_local=3, on_failure="retry", max_retries=2),
              schedule="Nightly")
    shown: Any = views.list_schedules(model.cluster, Call(None))
    one = shown.data[0]
    assert (one.full_cron, one.inc_cron, one.keep_local, one.keep_remote, one.on_failure, one.max_retries) == (
        "0 3 * * *", "0 4 * * *", 3, None, "RETRY", 2)
    model.run(schedules.modify, ScheduleBody(keep_local=-1, inc_cron=""), schedule="nightly")
    assert (model.cluster.schedules["NIGHTLY"].keep_local, model.cluster.schedules["NIGHTLY"].inc_cron) == (None, "")
    assert [entry.code for entry in model.run(schedules.delete, schedule="nightly").answers] == [2]
    assert [entry.code for entry in model.run(schedules.delete, schedule="nightly").answers] == [3000]


@pytest.mark.parametrize(("body", "code"), [
    (ScheduleBody(schedule_name="x", full_cron="0 3 * * *"), Code.INVLD_SCHEDULE_NAME),
    (ScheduleBody(schedule_name="weekly"), Code.INVLD_TIME_PARAM),
    (ScheduleBody(schedule_name="weekly", full_cron="0 3 * * *", inc_cron="x"), Code.INVLD_TIME_PARAM),
    (ScheduleBody(schedule_name="weekly", full_cron="0 3 * * *", keep_remote=-2), Code.INVLD_CONF),
    (ScheduleBody(schedule_name="weekly", full_cron="0 3 * * *", on_failure="PANIC"), Code.INVLD_CONF),
])
def test_a_schedule_that_is_none(body: ScheduleBody, code: Code) -> None:
    model = planned()
    with pytest.raises(LinstorError) as refusal:
        model.run(schedules.create, body)
    assert refusal.value.code == code
    assert "WEEKLY" not in model.cluster.schedules


def test_the_narrower_word_holds() -> None:
    model = planned()
    assert rows(model) == []
    model.run(schedules.enable, ScheduleEnable(grp_name="gold"), **PATH)
    assert rows(model) == [("one", views.NOT_SHIPPED)]
    model.run(schedules.enable, ScheduleEnable(), **PATH)
    assert [name for name, _ in rows(model)] == ["one", "two"]
    model.run(schedules.disable, ScheduleScope(rsc_name="one"), **PATH)
    assert rows(model) == [("one", "disabled"), ("two", views.NOT_SHIPPED)]
    assert rows(model, active_only="True") == [("two", views.NOT_SHIPPED)]
    assert rows(model, rsc="ONE") == [("one", "disabled")]
    assert rows(model, remote="west") == []
    detail: Any = views.list_of_resource(model.cluster, Call(None, {"resource": "one"}))
    assert [(each.rsc_dfn, each.rsc_grp, each.ctrl) for each in detail.data] == [(False, True, True)]
    model.run(schedules.withdraw, query={"rsc_dfn_name": ["one"]}, **PATH)
    assert rows(model, rsc="one") == [("one", views.NOT_SHIPPED)]
    assert [entry.code for entry in model.run(schedules.withdraw, query={"rsc_dfn_name": ["one"]}, **PATH).answers] == [
        3000]


def test_enabling_says_that_nothing_is_shipped() -> None:
    assert [entry.code for entry in planned().run(schedules.enable, ScheduleEnable(), **PATH).answers] == [3, 3001]


def test_a_use_ends_with_its_remote_its_schedule_and_its_owner() -> None:
    for end in ("remote", "schedule"):
        model = planned()
        model.run(schedules.enable, ScheduleEnable(), **PATH)
        if end == "remote":
            model.run(remotes.delete, query={"remote_name": ["east"]})
        else:
            model.run(schedules.delete, schedule="nightly")
        assert not model.cluster.schedule_uses
    model = planned()
    model.run(schedules.enable, ScheduleEnable(rsc_name="one"), **PATH)
    model.put(ResourceDefinition("later", "one", "DfltRscGrp"))
    assert rows(model) == []


@pytest.mark.parametrize(("body", "path", "code"), [
    (ScheduleEnable(), {"remote": "west", "schedule": "nightly"}, Code.NOT_FOUND_REMOTE),
    (ScheduleEnable(), {"remote": "east", "schedule": "weekly"}, Code.NOT_FOUND_SCHEDULE),
    (ScheduleEnable(rsc_name="none"), PATH, Code.NOT_FOUND_RSC_DFN),
    (ScheduleEnable(grp_name="none"), PATH, Code.NOT_FOUND_RSC_GRP),
    (ScheduleEnable(node_name="none"), PATH, Code.NOT_FOUND_NODE),
    (ScheduleEnable(rsc_name="one", grp_name="gold"), PATH, Code.INVLD_REQUEST),
    (ScheduleEnable(grp_name="gold", dst_rsc_name="copy"), PATH, Code.INVLD_REQUEST),
])
def test_what_can_not_be_enabled(body: ScheduleEnable, path: dict[str, str], code: Code) -> None:
    model = planned()
    with pytest.raises(LinstorError) as refusal:
        model.run(schedules.enable, body, **path)
    assert refusal.value.code == code
    assert not model.cluster.schedule_uses


def test_an_unknown_schedule_is_not_changed() -> None:
    with pytest.raises(NotFound):
        planned().run(schedules.modify, ScheduleBody(keep_local=1), schedule="weekly")
    with pytest.raises(InvalidInput):
        planned().run(schedules.modify, ScheduleBody(schedule_name="other"), schedule="nightly")
