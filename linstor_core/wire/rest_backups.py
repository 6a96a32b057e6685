"""Backups and their schedules, as LINSTOR answers them. Times are milliseconds, sizes KiB."""

from __future__ import annotations

from typing import Any

from msgspec import field

from linstor_core.wire.rest_bodies import Body
from linstor_core.wire.rest_v1 import Document


class Backup(Document, frozen=True):
    """One that LINSTOR made. `success` while it is being shipped is false."""

    id: str = ""
    start_timestamp: int | None = None
    finished_timestamp: int | None = None
    origin_rsc: str = ""
    origin_snap: str = ""
    origin_node: str = ""
    success: bool | None = None
    shipping: bool | None = None
    restorable: bool | None = None
    based_on_id: str = ""


class OtherFiles(Document, frozen=True):
    """Keys in an object store that are no backups."""

    files: tuple[str, ...] = ()


class Backups(Document, frozen=True):
    """Those of one remote, by id."""

    linstor: dict[str, Backup] = field(default_factory=dict)
    other: OtherFiles | None = None


class BackupInfo(Document, frozen=True):
    """What a restore would take."""

    rsc: str = ""
    snap: str = ""
    full: str = ""
    latest: str = ""
    count: int | None = None
    dl_size_kib: int | None = None
    alloc_size_kib: int | None = None
    storpools: tuple[dict[str, Any], ...] = ()


class QueuedSnapshot(Document, frozen=True):
    """A backup that waits to be shipped."""

    resource_name: str = ""
    snapshot_name: str = ""
    remote_name: str = ""
    incremental: bool | None = None
    based_on: str = ""
    start_timestamp: int | None = None
    pref_node: str = ""


class NodeQueue(Document, frozen=True):
    node_name: str = ""
    queue: tuple[QueuedSnapshot, ...] = ()


class BackupQueue(Document, frozen=True):
    """By node, or by snapshot where the query said `snap_to_node`."""

    node_queues: tuple[NodeQueue, ...] = ()
    snap_queues: tuple[QueuedSnapshot, ...] = ()


class Schedule(Document, frozen=True):
    """Crons of full and incremental backups; without a number all are kept, and retries never end."""

    schedule_name: str = ""
    full_cron: str = ""
    inc_cron: str = ""
    keep_local: int | None = None
    keep_remote: int | None = None
    on_failure: str = ""
    max_retries: int | None = None


class Schedules(Document, frozen=True):
    data: tuple[Schedule, ...] = ()


class ScheduledResource(Document, frozen=True):
    """`last_snap_inc` and `next_exec_inc`: whether that one is incremental."""

    rsc_name: str = ""
    remote_name: str = ""
    schedule_name: str = ""
    reason: str = ""
    last_snap_time: int | None = None
    last_snap_inc: bool | None = None
    next_exec_time: int | None = None
    next_exec_inc: bool | None = None
    next_planned_full: int | None = None
    next_planned_inc: int | None = None


class ScheduledResources(Document, frozen=True):
    data: tuple[ScheduledResource, ...] = ()


class ScheduleBody(Body, frozen=True):
    """Creating and modifying; a modification changes what is given. -1 stands for all, or for ever."""

    schedule_name: str | None = None
    full_cron: str | None = None
    inc_cron: str | None = None
    keep_local: int | None = None
    keep_remote: int | None = None
    on_failure: str | None = None
    max_retries: int | None = None
