"""Schedules of backups: records, switched on for remotes. Nothing follows from them until data is shipped."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from linstor_core.controller import lookups
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.operations import remotes
from linstor_core.controller.route import NoBody, Route
from linstor_core.domain import crons, names
from linstor_core.domain.cluster import Cluster, Key, key_of
from linstor_core.domain.errors import AlreadyExists, Code, InvalidInput, NotFound
from linstor_core.domain.schedules import OnFailure, Schedule, ScheduleUse, Scope
from linstor_core.wire.api_call_rc import CREATED, DELETED, MODIFIED, ApiCallRc, Operation, Severity, Subject
from linstor_core.wire.rest_backups import ScheduleBody
from linstor_core.wire.rest_schedules import ScheduleEnable, ScheduleScope

WARN_NOT_FOUND = 3000
WARN_NO_EFFECT = 3001
ALL = -1
"""What callers send for "all of them" and "for ever"."""


def create(cluster: Cluster, context: Context, call: Call[ScheduleBody]) -> Change:
    body = call.body
    with lookups.about(Schedule=body.schedule_name or ""):
        name = names.schedule_name(body.schedule_name)
        if key_of(name) in cluster.schedules:
            raise AlreadyExists(f"There is a schedule '{name}' already.", Code.EXISTS_SCHEDULE,
                                correction="Use another name, or change the schedule that is there.")
        schedule = _with(Schedule(context.new_uuid(), name, crons.checked(body.full_cron or "")), body)
    return Change((schedule,), answers=(_told(call, CREATED, f"Schedule '{name}' is created.", name),))


def modify(cluster: Cluster, _: Context, call: Call[ScheduleBody]) -> Change:
    """What is not given stays."""
    name = call.path["schedule"]
    with lookups.about(Schedule=name):
        schedule = found(cluster, name)
        if call.body.schedule_name is not None and key_of(call.body.schedule_name) != key_of(name):
            raise InvalidInput(f"'{schedule.name}' can't be renamed.", Code.INVLD_SCHEDULE_NAME,
                               correction="Create a schedule of the new name, and delete this one.")
        changed = _with(schedule, call.body)
    return Change((changed,), answers=(_told(call, MODIFIED, f"Schedule '{schedule.name}' is changed.", name),))


def _with(schedule: Schedule, body: ScheduleBody) -> Schedule:
    given: dict[str, Any] = {}
    if body.full_cron is not None:
        given["full_cron"] = crons.checked(body.full_cron)
    if body.inc_cron is not None:
        given["inc_cron"] = crons.checked(body.inc_cron) if body.inc_cron.strip() else ""
    for name in ("keep_local", "keep_remote", "max_retries"):
        if (number := getattr(body, name)) is not None:
            given[name] = _checked_number(name, number)
    if body.on_failure is not None:
        given["on_failure"] = _checked_reaction(body.on_failure)
    return structs.replace(schedule, **given)


def _checked_number(name: str, number: int) -> int | None:
    if number < ALL:
        raise InvalidInput(f"{name} can't be {number}.", Code.INVLD_CONF,
                           cause=f"It is a number of 0 or more, or {ALL} for no limit.")
    return None if number == ALL else number


def _checked_reaction(text: str) -> OnFailure:
    try:
        return OnFailure(text.upper())
    except ValueError:
        raise InvalidInput(f"'{text}' is no way to react to a failure.", Code.INVLD_CONF,
                           correction="on_failure is one of " + ", ".join(OnFailure) + ".") from None


def delete(cluster: Cluster, _: Context, call: Call[NoBody]) -> Change:
    """It is switched off everywhere."""
    name = call.path["schedule"]
    refs = {"Remote": name, "Schedule": name}
    schedule = cluster.schedules.get(key_of(name))
    if schedule is None:
        return Change(answers=(call.rc(Severity.WARN, WARN_NOT_FOUND, f"There is no schedule '{name}'.", refs=refs),))
    gone: list[tuple[type, Key]] = [(Schedule, key_of(name))]
    gone += [(ScheduleUse, key) for key, use in cluster.schedule_uses.items() if key_of(use.schedule) == key_of(name)]
    return Change(deletes=tuple(gone), answers=(
        call.rc(Severity.SUCCESS, DELETED, f"Schedule '{schedule.name}' is deleted.", refs=refs),))


def found(cluster: Cluster, name: str) -> Schedule:
    """Raises NotFound (323)."""
    schedule = cluster.schedules.get(key_of(name))
    if schedule is None:
        raise NotFound(f"There is no schedule '{name}'.", Code.NOT_FOUND_SCHEDULE, cause="It is not registered.",
                       correction="Compare the name with 'linstor schedule list'.")
    return schedule


def enable(cluster: Cluster, _: Context, call: Call[ScheduleEnable]) -> Change:
    body = call.body
    with lookups.about(Remote=call.path["remote"], Schedule=call.path["schedule"]):
        use = _use(cluster, call, body.rsc_name, body.grp_name)
        if body.node_name:
            lookups.node(cluster, body.node_name)
        if body.dst_rsc_name and use.scope is not Scope.DEFINITION:
            raise InvalidInput("A name in the other cluster can be given for one resource only.",
                               Code.INVLD_REQUEST, correction="Give rsc_name, too, or leave dst_rsc_name out.")
    use = structs.replace(
        use, preferred_node=body.node_name or "", dst_stor_pool=body.dst_stor_pool or "",
        stor_pool_rename=body.stor_pool_rename, dst_rsc_grp=body.dst_rsc_grp or "",
        dst_rsc_name=body.dst_rsc_name or "", force_restore=bool(body.force_restore),
        force_mv_rsc_grp=bool(body.force_mv_rsc_grp))
    warning = call.rc(Severity.WARN, WARN_NO_EFFECT, "No backup is made by it yet.",
                      cause="This release ships no data to remotes.",
                      correction="The setting is kept; take snapshots meanwhile.")
    return Change((use,), answers=(_switched(call, use, "enabled"), warning))


def disable(cluster: Cluster, _: Context, call: Call[ScheduleScope]) -> Change:
    """It stays off here even where it is switched on for more than this."""
    with lookups.about(Remote=call.path["remote"], Schedule=call.path["schedule"]):
        use = _use(cluster, call, call.body.rsc_name, call.body.grp_name)
    off = structs.replace(said(cluster, use) or use, is_enabled=False)
    return Change((off,), answers=(_switched(call, use, "disabled"),))


def withdraw(cluster: Cluster, _: Context, call: Call[NoBody]) -> Change:
    """Says nothing about it here any more: what holds for more than this decides."""
    with lookups.about(Remote=call.path["remote"], Schedule=call.path["schedule"]):
        use = _use(cluster, call, next(iter(call.values("rsc_dfn_name")), None),
                   next(iter(call.values("rsc_grp_name")), None))
    key = key_of(use.identity)
    if key not in cluster.schedule_uses:
        return Change(answers=(call.rc(
            Severity.WARN, WARN_NOT_FOUND, f"Schedule '{use.schedule}' is neither enabled nor disabled there.",
            refs={"Remote": use.remote, "Schedule": use.schedule}),))
    return Change(deletes=((ScheduleUse, key),), answers=(_switched(call, use, "no longer set"),))


def _use(cluster: Cluster, call: Call[Any], definition: str | None, group: str | None) -> ScheduleUse:
    remote = remotes.found(cluster, call.path["remote"])
    schedule = found(cluster, call.path["schedule"])
    if definition and group:
        raise InvalidInput("Both a resource and a group are given.", Code.INVLD_REQUEST,
                           correction="Name one of them, or none for all resources.")
    if definition:
        owner = lookups.definition(cluster, definition)
        return ScheduleUse(remote.name, schedule.name, Scope.DEFINITION, owner.name, owner.uuid)
    if group:
        template = lookups.group(cluster, group)
        return ScheduleUse(remote.name, schedule.name, Scope.GROUP, template.name, template.uuid)
    return ScheduleUse(remote.name, schedule.name, Scope.CONTROLLER)


def said(cluster: Cluster, blank: ScheduleUse) -> ScheduleUse | None:
    """What was said for the owner that `blank` names, and not for another one of its name."""
    use = cluster.schedule_uses.get(key_of(blank.identity))
    return use if use is not None and use.owner_uuid == blank.owner_uuid else None


def _switched(call: Call[Any], use: ScheduleUse, what: str) -> ApiCallRc:
    where = {Scope.DEFINITION: f"resource '{use.owner}'", Scope.GROUP: f"group '{use.owner}'"}.get(
        use.scope, "all resources")
    return call.rc(Severity.SUCCESS, MODIFIED, f"Schedule '{use.schedule}' to remote '{use.remote}' is {what} for "
                   f"{where}.", refs={"Remote": use.remote, "Schedule": use.schedule})


def _told(call: Call[Any], code: int, message: str, name: str) -> ApiCallRc:
    return call.rc(Severity.SUCCESS, code, message, refs={"Schedule": name})


_ON = "/v1/remotes/<remote>/backups/schedule/<schedule>"
_SWITCH = Operation.MODIFY | Subject.SCHEDULE

ROUTES = (
    Route("POST", "/v1/schedules", "Create a schedule of backups", write=create, body=ScheduleBody,
          mask=Operation.CREATE | Subject.SCHEDULE),
    Route("PUT", "/v1/schedules/<schedule>", "Change a schedule", write=modify, body=ScheduleBody, mask=_SWITCH),
    Route("DELETE", "/v1/schedules/<schedule>", "Delete a schedule", write=delete,
          mask=Operation.DELETE | Subject.SCHEDULE),
    Route("PUT", f"{_ON}/enable", "Switch a schedule on for a remote", write=enable, body=ScheduleEnable,
          mask=_SWITCH, lenient=True),
    Route("PUT", f"{_ON}/disable", "Switch a schedule off for a remote", write=disable, body=ScheduleScope,
          mask=_SWITCH, lenient=True),
    Route("DELETE", f"{_ON}/delete", "Take back what was said with enable or disable", write=withdraw, mask=_SWITCH),
)
