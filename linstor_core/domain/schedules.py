"""When backups are made, and of what."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct, field


class OnFailure(StrEnum):
    """What follows a backup that failed."""

    SKIP = "SKIP"
    RETRY = "RETRY"


class Schedule(Struct, frozen=True):
    """Crons have five fields. None in a number stands for all snapshots, all backups, and retries without an end."""

    uuid: str
    name: str
    full_cron: str
    inc_cron: str = ""
    keep_local: int | None = None
    keep_remote: int | None = None
    on_failure: OnFailure = OnFailure.SKIP
    max_retries: int | None = None


class Scope(StrEnum):
    """Where a schedule is switched on or off; the narrower one wins."""

    CONTROLLER = "controller"
    GROUP = "group"
    DEFINITION = "definition"


class ScheduleUse(Struct, frozen=True):
    """A schedule switched on (or off) for a remote, for one definition, one group, or all of them.

    `owner_uuid` is that of the group or definition: a later one of the same name has nothing to do with this.
    """

    remote: str
    schedule: str
    scope: Scope
    owner: str = ""
    owner_uuid: str = ""
    is_enabled: bool = True
    preferred_node: str = ""
    dst_stor_pool: str = ""
    stor_pool_rename: dict[str, str] = field(default_factory=dict)
    dst_rsc_grp: str = ""
    dst_rsc_name: str = ""
    force_restore: bool = False
    force_mv_rsc_grp: bool = False

    @property
    def identity(self) -> str:
        """What tells one use from another; no name has a semicolon in it."""
        return f"{self.remote};{self.schedule};{self.scope.value};{self.owner}"
