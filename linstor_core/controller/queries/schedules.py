"""Schedules of backups, and what holds of them for each resource."""

from __future__ import annotations

from typing import Any

from linstor_core.controller import lookups
from linstor_core.controller.call import Call
from linstor_core.controller.operations.schedules import said
from linstor_core.controller.queries.sorted_keys import sorted_keys
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.resource_definitions import ResourceDefinition
from linstor_core.domain.schedules import ScheduleUse, Scope
from linstor_core.wire import rest_backups
from linstor_core.wire.rest_schedules import ScheduleDetail, ScheduleDetails

NOT_SHIPPED = "this release ships no data to remotes"


def list_schedules(cluster: Cluster, _: Call[Any]) -> object:
    found = (cluster.schedules[key] for key in sorted_keys(cluster, "schedules"))
    return rest_backups.Schedules(data=tuple(rest_backups.Schedule(
        schedule_name=each.name, full_cron=each.full_cron, inc_cron=each.inc_cron, keep_local=each.keep_local,
        keep_remote=each.keep_remote, on_failure=each.on_failure.value, max_retries=each.max_retries)
        for each in found))


def _pairs(cluster: Cluster, call: Call[Any]) -> list[tuple[str, str]]:
    """(remote, schedule) of everything that was ever said and is asked for, in order."""
    remotes, schedules = ({key_of(name) for name in call.values(kind)} for kind in ("remote", "schedule"))
    return sorted({(use.remote, use.schedule) for use in cluster.schedule_uses.values()
                   if (not remotes or key_of(use.remote) in remotes)
                   and (not schedules or key_of(use.schedule) in schedules)})


def _levels(cluster: Cluster, pair: tuple[str, str], definition: ResourceDefinition) -> tuple[ScheduleUse | None, ...]:
    """What was said for the definition, its group, and all: the first that is not None holds."""
    group = cluster.group(definition.resource_group_name)
    return (said(cluster, ScheduleUse(*pair, Scope.DEFINITION, definition.name, definition.uuid)),
            said(cluster, ScheduleUse(*pair, Scope.GROUP, group.name, group.uuid)) if group is not None else None,
            said(cluster, ScheduleUse(*pair, Scope.CONTROLLER)))


def list_by_resource(cluster: Cluster, call: Call[Any]) -> object:
    """With `active-only`, without those that are switched off."""
    wanted = {key_of(name) for name in call.values("rsc")}
    rows = []
    if pairs := _pairs(cluster, call):
        for key in sorted_keys(cluster, "resource_definitions"):
            if wanted and key not in wanted:
                continue
            definition = cluster.resource_definitions[key]
            for pair in pairs:
                use = next((level for level in _levels(cluster, pair, definition) if level is not None), None)
                if use is None or (call.flag("active-only") and not use.is_enabled):
                    continue
                rows.append(rest_backups.ScheduledResource(
                    rsc_name=definition.name, remote_name=pair[0], schedule_name=pair[1],
                    reason=NOT_SHIPPED if use.is_enabled else "disabled"))
    return rest_backups.ScheduledResources(data=tuple(rows))


def list_of_resource(cluster: Cluster, call: Call[Any]) -> object:
    """What was said on each level about one definition."""
    definition = lookups.definition(cluster, call.path["resource"], bare=True)
    details = []
    for pair in _pairs(cluster, call):
        on_definition, on_group, on_all = (use.is_enabled if use is not None else None
                                           for use in _levels(cluster, pair, definition))
        if (on_definition, on_group, on_all) != (None, None, None):
            details.append(ScheduleDetail(remote_name=pair[0], schedule_name=pair[1], rsc_dfn=on_definition,
                                          rsc_grp=on_group, ctrl=on_all))
    return ScheduleDetails(data=tuple(details))


_VIEW = "/v1/view/schedules-by-resource"

ROUTES = (
    Route("GET", "/v1/schedules", "Schedules of backups", read=list_schedules, answer=rest_backups.Schedules),
    Route("GET", _VIEW, "Which schedule holds for which resource", read=list_by_resource,
          answer=rest_backups.ScheduledResources),
    Route("GET", f"{_VIEW}/<resource>", "Where the schedules of one resource are switched on or off",
          read=list_of_resource, answer=ScheduleDetails),
)
