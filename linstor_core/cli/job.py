"""linstor job …, and waiting for a job while it goes on."""

from __future__ import annotations

import time
from datetime import datetime

from linstor_core.cli.arguments import NODES, PASTABLE, RESOURCES, group_by
from linstor_core.cli.call import Call
from linstor_core.cli.exit_codes import API_ERROR
from linstor_core.cli.grammar import Arg, Command, Noun
from linstor_core.cli.screen import GREEN, RED, YELLOW, Cell, Column
from linstor_core.domain.sizes import format_kib
from linstor_core.wire.api_call_rc import ApiCallRc, Severity, entry
from linstor_core.wire.rest_jobs import Job

POLL_S = 0.2
QUIET_S = 1.0
"""What is over by then needs no progress."""
PATIENCE_S = 5.0
"""A job that waits for so long goes on without anybody looking."""
_COLORS = {"RUNNING": YELLOW, "WAITING": YELLOW, "DONE": GREEN, "FAILED": RED, "CANCELLED": RED}
_FINAL = frozenset({"DONE", "FAILED", "CANCELLED"})
_BAD = frozenset({"FAILED", "CANCELLED"})


def follow(call: Call, uuid: str, patience_s: float = PATIENCE_S) -> None:
    """Until it is over, or waits for something for too long. Ends as the job ended."""
    begin = time.monotonic()
    waits_since: float | None = None
    line = _Line(call)
    while True:
        job, now = call.client.job(uuid), time.monotonic()
        if job.state != "WAITING":
            waits_since = None
        elif waits_since is None:
            waits_since = now
        if job.state in _FINAL or (waits_since is not None and now - waits_since >= patience_s):
            break
        if now - begin >= QUIET_S:
            line.show(_now(job))
        time.sleep(POLL_S)
    line.end()
    if job.state in _BAD:
        call.exit_code = API_ERROR
    if not call.as_json:
        call.screen.entries([_told(job)])


class _Line:
    """One line that is written again and again; on what is no terminal, a line for every change that is worth it."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._shown = ""
        self._stage = ""

    def show(self, text: str) -> None:
        out, stage = self._call.screen.out, text.partition(":")[0]
        if self._call.as_json or text == self._shown:
            return
        if out.isatty():
            out.write(f"\r{text:<{len(self._shown)}}")
            out.flush()
        elif stage != self._stage:
            out.write(text + "\n")
        self._shown, self._stage = text, stage

    def end(self) -> None:
        if self._shown and self._call.screen.out.isatty():
            self._call.screen.out.write("\r" + " " * len(self._shown) + "\r")


def _now(job: Job) -> str:
    if job.state == "WAITING":
        return f"waiting: {job.blocked_by}"
    return f"{(job.stage or job.state).lower()}: {_progress(job) or job.message}"


def _told(job: Job) -> ApiCallRc:
    refs = {"Job": job.uuid}
    if job.state == "WAITING":
        return entry(Severity.WARN, 0, 0, "The job waits and goes on by itself.", cause=job.blocked_by,
                     correction=f"See how it gets on: linstor job show {job.uuid}", obj_refs=refs)
    severity = Severity.ERROR if job.state in _BAD else Severity.SUCCESS
    return entry(severity, 0, 0, job.message or job.state, details=f"Job: {job.uuid}", obj_refs=refs)


def _progress(job: Job) -> str:
    if job.total_kib:
        done_kib = job.done_kib or 0
        return f"{format_kib(done_kib)} of {format_kib(job.total_kib)} ({100 * done_kib // job.total_kib} %)"
    if job.total_resources:
        return f"{job.done_resources or 0} of {job.total_resources} resources"
    return ""


def list_jobs(call: Call) -> None:
    args = call.args
    found = call.client.jobs(args.states or (), args.kinds or (), args.nodes or (), args.resources or (),
                             live=args.live)
    call.table([Column("Created"), Column("Job"), Column("Kind"), Column("Resource"), Column("Node"), Column("Target"),
                Column("State"), Column("Progress"), Column("Waits for")],
               ([_time(job.created), job.uuid, job.kind, job.resource_name, job.node_name, job.target_node,
                 Cell(job.state, _COLORS.get(job.state, "")), _progress(job) or _stage(job), job.blocked_by]
                for job in found))


def show_job(call: Call) -> None:
    job = call.client.job(call.args.job)
    if call.shown_as_json():
        return
    rows = [("Job", job.uuid), ("Kind", job.kind), ("State", job.state), ("Stage", _stage(job)),
            ("Resource", job.resource_name), ("Node", job.node_name), ("Target", job.target_node),
            ("Pools", ", ".join(dict.fromkeys(job.target_pools.values()))), ("Part of", job.parent),
            ("Progress", _progress(job)), ("Waits for", job.blocked_by), ("Message", job.message),
            ("Created", _time(job.created)), ("Changed", _time(job.changed))]
    call.screen.table([Column("Field"), Column("Value")], [row for row in rows if row[1]], pastable=call.args.pastable)
    for step in job.steps:
        call.screen.line(f"{_time(step.timestamp)}  {step.message}")


def _stage(job: Job) -> str:
    return "" if job.state in _FINAL else job.stage.lower()


def _time(stamp_ms: int | None) -> str:
    return datetime.fromtimestamp(stamp_ms // 1000).strftime("%Y-%m-%d %H:%M:%S") if stamp_ms else ""


_JOB = Arg("job", "the job's identifier")

NOUN = Noun("job", ("j",), "Work that goes on in the background: moves, evacuations, lost nodes.", (
    Command("list", ("l",), "Show the jobs, the oldest first.",
            (PASTABLE, group_by("created", "job", "kind", "resource", "node", "target", "state"),
             Arg("--live", "only those that are not over", "flag"),
             Arg("--states", "only these states", "+", kind=str.upper,
                 choices=("RUNNING", "WAITING", "DONE", "FAILED", "CANCELLED")),
             Arg("--kinds", "only these kinds", "+", kind=str.upper, choices=("MOVE", "EVACUATE", "EVICT")),
             NODES, RESOURCES), list_jobs, reads=True),
    Command("show", ("s",), "Show one job and what it has done.", (PASTABLE, _JOB), show_job, reads=True),
    Command("wait", ("w",), "Wait until a job is over, however long it takes.", (_JOB,),
            lambda call: follow(call, call.args.job, float("inf")), reads=True),
    Command("cancel", ("c",), "Call a job off: everything is as before, as far as that is possible.", (_JOB,),
            lambda call: call.show(call.client.cancel_job(call.args.job))),
    Command("delete", ("d",), "Forget jobs that are over.", (_JOB._replace(nargs="+"),),
            lambda call: call.show(entry for job in call.args.job for entry in call.client.delete_job(job))),
))
