"""Switching schedules on and off for a remote."""

from __future__ import annotations

from msgspec import field

from linstor_core.wire.rest_bodies import Body
from linstor_core.wire.rest_v1 import Document


class ScheduleScope(Body, frozen=True):
    """Of one definition, of one group, or, with neither, of all."""

    rsc_name: str | None = None
    grp_name: str | None = None


class ScheduleEnable(ScheduleScope, frozen=True):
    """`dst_…`, `stor_pool_rename` and `force_…` say what becomes of a backup in another cluster."""

    node_name: str | None = None
    dst_stor_pool: str | None = None
    stor_pool_rename: dict[str, str] = field(default_factory=dict)
    dst_rsc_grp: str | None = None
    dst_rsc_name: str | None = None
    force_restore: bool | None = None
    force_mv_rsc_grp: bool | None = None


class ScheduleDetail(Document, frozen=True):
    """Where a schedule is switched on (true) or off (false) for a resource; null where nothing is said."""

    remote_name: str
    schedule_name: str
    ctrl: bool | None = None
    rsc_grp: bool | None = None
    rsc_dfn: bool | None = None


class ScheduleDetails(Document, frozen=True):
    data: tuple[ScheduleDetail, ...] = ()
