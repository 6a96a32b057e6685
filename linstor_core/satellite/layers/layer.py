"""What a layer of a device stack has to be able to do: plan and tell, never touch."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from linstor_core.domain.observed import Failure, SnapshotSeen, VolumeSeen
from linstor_core.satellite.facts import ResourceFacts
from linstor_core.satellite.steps import PlannedStep
from linstor_core.satellite.storage.driver import Pools
from linstor_core.wire.resource_spec import ResourceSpec


class Plan(Struct, frozen=True):
    """The steps that are left, in order, and what could not be planned. A plan without steps is the end."""

    steps: tuple[PlannedStep, ...] = ()
    failures: tuple[Failure, ...] = ()


class Layer(Protocol):
    """One layer; pure."""

    def paths(self, spec: ResourceSpec, pools: Pools) -> tuple[str, ...]:
        """What has to be looked at before `plan`. Never raises: what cannot be named fails in `plan`."""

    def plan(self, spec: ResourceSpec, pools: Pools, facts: ResourceFacts) -> Plan: ...

    def volumes_seen(self, spec: ResourceSpec, pools: Pools, facts: ResourceFacts) -> tuple[VolumeSeen, ...]: ...

    def snapshots_seen(self, spec: ResourceSpec, pools: Pools, facts: ResourceFacts) -> tuple[SnapshotSeen, ...]: ...

    def data_ids_seen(self, spec: ResourceSpec, pools: Pools, facts: ResourceFacts) -> frozenset[str]:
        """The contents that were found complete."""
