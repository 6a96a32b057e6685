"""linstor schedule …"""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable
from datetime import datetime

from linstor_core.cli.arguments import PASTABLE
from linstor_core.cli.call import Call
from linstor_core.cli.grammar import Arg, Command, Noun
from linstor_core.cli.screen import Column
from linstor_core.wire.rest_backups import Schedule, ScheduleBody, ScheduledResource

WITHOUT_END = -1
SCHEDULE = Arg("schedule_name", "name of the schedule", completes="schedules")


def _number_or(word: str) -> Callable[[str], int]:
    def parsed(text: str) -> int:
        if text == word:
            return WITHOUT_END
        if not text.isascii() or not text.isdigit():
            raise ArgumentTypeError(f"'{text}' is neither a number nor '{word}'")
        return int(text)

    return parsed


def _body(call: Call, name: str | None) -> ScheduleBody:
    args = call.args
    return ScheduleBody(
        schedule_name=name, full_cron=args.full_cron, inc_cron=args.incremental_cron, keep_local=args.keep_local,
        keep_remote=args.keep_remote, on_failure=args.on_failure, max_retries=args.max_retries)


def create(call: Call) -> None:
    call.show(call.client.create_schedule(_body(call, call.args.schedule_name)))


def modify(call: Call) -> None:
    call.show(call.client.modify_schedule(call.args.schedule_name, _body(call, None)))


def list_schedules(call: Call) -> None:
    found = call.client.schedules()
    call.table([Column("Name"), Column("Full"), Column("Incremental"), Column("KeepLocal"), Column("KeepRemote"),
                Column("OnFailure")], map(_row, found.data), bare_json=True)


def _row(schedule: Schedule) -> list[object]:
    retries = "forever" if schedule.max_retries is None else schedule.max_retries
    return [schedule.schedule_name, schedule.full_cron, schedule.inc_cron,
            *("all" if kept is None else kept for kept in (schedule.keep_local, schedule.keep_remote)),
            f"{schedule.on_failure}({retries})" if schedule.on_failure == "RETRY" else schedule.on_failure]


def list_by_resource(call: Call) -> None:
    args = call.args
    found = call.client.schedules_by_resource(args.resource, args.remote, args.schedule, args.active_only)
    call.table([Column("Resource"), Column("Remote"), Column("Schedule"), Column("Last"), Column("Next"),
                Column("Planned Inc"), Column("Planned Full"), Column("Reason")], map(_resource_row, found.data),
               bare_json=True)


def _resource_row(found: ScheduledResource) -> list[object]:
    return [found.rsc_name, found.remote_name, found.schedule_name,
            _moment(found.last_snap_time, found.last_snap_inc), _moment(found.next_exec_time, found.next_exec_inc),
            _moment(found.next_planned_inc), _moment(found.next_planned_full), found.reason]


def _moment(time_ms: int | None, incremental: bool | None = None) -> str:
    if time_ms is None or time_ms < 0:
        return ""
    kind = "" if incremental is None else " (Inc)" if incremental else " (Full)"
    return f"{datetime.fromtimestamp(time_ms // 1000)}{kind}"


def list_details(call: Call) -> None:
    found = call.client.schedule_details(call.args.resource_name)
    rows = ([row.remote_name, row.schedule_name, *map(_switched, (row.rsc_dfn, row.rsc_grp, row.ctrl))]
            for row in found.data)
    call.table([Column("Remote"), Column("Schedule"), Column("Resource-Definition"), Column("Resource-Group"),
                Column("Controller")], rows, bare_json=True)


def _switched(on: bool | None) -> str:
    return "" if on is None else "Enabled" if on else "Disabled"


_INCREMENTAL = Arg("--incremental-cron", "when to make incremental backups", aliases=("-i",))
_KEPT = (
    Arg("--keep-local", "snapshots to keep here: a number, or all", aliases=("-l",), kind=_number_or("all")),
    Arg("--keep-remote", "full backups to keep there: a number, or all", aliases=("-r",), kind=_number_or("all")),
    Arg("--on-failure", "what follows a failure", kind=str.upper, choices=("RETRY", "SKIP")),
    Arg("--max-retries", "a number, or forever", kind=_number_or("forever")),
)
_CRON = "as cron has it: minute hour day month weekday"

NOUN = Noun("schedule", ("sched",), "When backups are made.", (
    Command("list", ("l",), "Show the schedules.", (PASTABLE,), list_schedules, reads=True),
    Command("create", ("c",), "Make a schedule.",
            (_INCREMENTAL, *_KEPT, SCHEDULE, Arg("full_cron", f"when to make full backups, {_CRON}")), create),
    Command("modify", ("m",), "Change what is given.",
            (Arg("--full-cron", f"when to make full backups, {_CRON}", aliases=("-f",)), _INCREMENTAL, *_KEPT,
             SCHEDULE), modify),
    Command("delete", ("d",), "Remove a schedule.", (SCHEDULE,),
            lambda call: call.show(call.client.delete_schedule(call.args.schedule_name))),
    Command("list-by-resource", ("lbr",), "Show which resources are backed up when.",
            (PASTABLE, Arg("--resource", "only this one", aliases=("-r",), completes="resources"),
             Arg("--remote", "only to this one", aliases=("-o",), completes="remotes"),
             Arg("--schedule", "only by this one", aliases=("-s",), completes="schedules"),
             Arg("--active-only", "only what is due", "flag", ("-a",))), list_by_resource, reads=True),
    Command("list-by-resource-details", ("lbd",), "Show where schedules of a resource are switched on or off.",
            (PASTABLE, Arg("resource_name", completes="resources")), list_details, reads=True),
))
