"""--dry-run: every call that would change something is asked for its plan instead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from linstor_core.cli.call import CallFailed
from linstor_core.cli.exit_codes import OPTION_NOT_SUPPORTED
from linstor_core.client.errors import UnexpectedReply
from linstor_core.client.transport import Reply, Transport
from linstor_core.wire.plan import Plan, PlannedObject, PlannedWork, Redundancy

if TYPE_CHECKING:
    from linstor_core.cli.screen import Screen

_DESCRIPTION = "/v1/openapi.json"
_MAKES_A_FILE = "/v1/sos-report"
_SIGNS = {"create": "+", "modify": "~", "delete": "-"}
_SHOWN_CHARACTERS = 100


class PlanTransport:
    """Keeps the plans and lets the command believe that all went well.

    A controller that does not say it can plan a call is never asked: it might just do it.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._plannable: dict[str, list[tuple[str, bool]]] | None = None
        self.plans: list[bytes] = []

    def request(self, method: str, path: str, body: bytes | None = None) -> Reply:
        target, _, query = path.partition("?")
        if method == "GET" and not target.startswith(_MAKES_A_FILE):
            return self._transport.request(method, path, body)
        if not self._can_plan(method, target):
            raise CallFailed(f"--dry-run: the controller can't tell what {method} {target} would do",
                             OPTION_NOT_SUPPORTED)
        reply = self._transport.request(method, f"{path}{'&' if query else '?'}dry_run=true", body)
        try:
            plan = msgspec.json.decode(reply.content, type=Plan)
        except msgspec.DecodeError as error:
            if reply.status >= 400:
                return reply
            raise UnexpectedReply(f"instead of a plan for {method} {target}: {error}") from error
        if any(entry.is_error for entry in plan.entries):
            return Reply(reply.status, msgspec.json.encode(plan.entries), reply.headers)
        self.plans.append(reply.content)
        return Reply(reply.status, b"[]", reply.headers)

    def _can_plan(self, method: str, path: str) -> bool:
        """As the controller's description of its API says of the most exact of the paths that fit."""
        if self._plannable is None:
            reply = self._transport.request("GET", _DESCRIPTION)
            document = msgspec.json.decode(reply.content) if reply.status < 400 else {}
            self._plannable = _plannable(document.get("paths", {}) if isinstance(document, dict) else {})
        fitting = [(len(re.sub(r"\{\w+\}", "", template)), can) for template, can in self._plannable.get(method, [])
                   if re.fullmatch(re.sub(r"\\\{\w+\\\}", ".+", re.escape(template)), path)]
        return max(fitting, default=(0, False))[1]


def _plannable(paths: dict[str, Any]) -> dict[str, list[tuple[str, bool]]]:
    """By method: (path, whether it takes dry_run)."""
    found: dict[str, list[tuple[str, bool]]] = {}
    for path, operations in paths.items():
        for method, operation in operations.items():
            names = [parameter["name"] for parameter in operation.get("parameters", ())]
            found.setdefault(method.upper(), []).append((path, "dry_run" in names))
    return found


def show_plans(screen: Screen, plans: list[bytes]) -> None:
    """As JSON a list of what the controller answered."""
    if screen.style.quiet_json:
        screen.json(b"[" + b",".join(plans) + b"]")
        return
    for content in plans:
        for line in plan_lines(msgspec.json.decode(content, type=Plan)):
            screen.line(line)
    screen.line("Nothing was done.")


def plan_lines(plan: Plan) -> Iterator[str]:
    yield from _section("Objects:", (line for planned in plan.objects for line in _object_lines(planned)))
    for work in plan.work:
        yield from _section(f"Steps on {work.node_name} for {work.resource_name}:", _work_lines(work))
    yield from _section("Redundancy:", map(_redundancy_line, plan.redundancy))
    yield from _section("Answer:", (entry.message for entry in plan.entries))


def _section(title: str, lines: Iterator[str]) -> Iterator[str]:
    """Nothing where there are no lines."""
    held = [f"    {line}" for line in lines]
    if held:
        yield title
        yield from held


def _object_lines(planned: PlannedObject) -> Iterator[str]:
    yield f"{_SIGNS.get(planned.action, '?')} {planned.action} {planned.kind.replace('_', ' ')} {planned.name}"
    if planned.action == "modify":
        for key in dict.fromkeys((*planned.before, *planned.after)):
            yield f"      {key}: {_value(planned.before.get(key))} -> {_value(planned.after.get(key))}"


def _value(value: object) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"


def _work_lines(work: PlannedWork) -> Iterator[str]:
    yield from work.steps
    yield from (f"obstacle: {obstacle}" for obstacle in work.obstacles)
    if work.unknown:
        yield f"unknown: {work.unknown}"
    elif not work.steps and not work.obstacles:
        yield "nothing to do"


def _redundancy_line(found: Redundancy) -> str:
    return (f"{found.resource_name}: {found.replicas_before} -> {found.replicas_after} replicas, "
            f"{found.online_before} -> {found.online_after} of them on connected nodes")
