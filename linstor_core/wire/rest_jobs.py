"""Jobs over REST. LINSTOR has nothing like them; the conventions are those of `rest_v1`."""

from __future__ import annotations

from linstor_core.wire.rest_bodies import Body
from linstor_core.wire.rest_v1 import Document


class ResourceMove(Body, frozen=True):
    """POST …/resources/<node>/move. Without a target the placement rules choose one."""

    target_node: str = ""
    target_pool: str = ""


class JobStep(Document, frozen=True):
    """What was done; `timestamp` in Unix milliseconds."""

    message: str = ""
    timestamp: int | None = None


class Job(Document, frozen=True):
    """`kind` is MOVE, EVACUATE or EVICT; `state` RUNNING, WAITING, DONE, FAILED or CANCELLED.

    A job that waits goes on by itself: `blocked_by` is what for, `blocked_by_code` LINSTOR's number for it. `parent`
    is the evacuation that a move belongs to. `done_kib` of `total_kib` of a move are fetched; of an evacuation
    `done_resources` of `total_resources` have left. Times are Unix milliseconds.
    """

    uuid: str = ""
    kind: str = ""
    state: str = ""
    stage: str = ""
    node_name: str = ""
    resource_name: str = ""
    target_node: str = ""
    target_pools: dict[str, str] = {}
    targets: tuple[str, ...] = ()
    do_not_target: tuple[str, ...] = ()
    parent: str = ""
    cancelling: bool | None = None
    message: str = ""
    blocked_by: str = ""
    blocked_by_code: int | None = None
    done_kib: int | None = None
    total_kib: int | None = None
    done_resources: int | None = None
    total_resources: int | None = None
    created: int | None = None
    changed: int | None = None
    steps: tuple[JobStep, ...] = ()
