"""What `?dry_run=true` answers: the exact change that a call would make, and nothing of it done."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from linstor_core.wire.api_call_rc import ApiCallRc


class PlannedObject(Struct, frozen=True, omit_defaults=True):
    """One object of the model. `action` is create, modify or delete; of a modified one only what differs is shown."""

    kind: str
    name: str
    action: str
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}


class PlannedWork(Struct, frozen=True, omit_defaults=True):
    """What one satellite would do, in its own words after it looked at what is there now.

    `unknown` says why nobody can tell, for instance because the node is not connected.
    """

    node_name: str
    resource_name: str
    steps: tuple[str, ...] = ()
    obstacles: tuple[str, ...] = ()
    unknown: str = ""


class Redundancy(Struct, frozen=True):
    """Of one definition: replicas that hold data, and how many of those are on nodes that are connected."""

    resource_name: str
    replicas_before: int
    replicas_after: int
    online_before: int
    online_after: int


class Plan(Struct, frozen=True):
    """`entries` is what the call would answer at once; a plan that would be refused has the refusal in it."""

    entries: tuple[ApiCallRc, ...]
    objects: tuple[PlannedObject, ...] = ()
    work: tuple[PlannedWork, ...] = ()
    redundancy: tuple[Redundancy, ...] = ()
