"""Observe, plan, execute, until nothing is left: for one resource, in one thread, blocking."""

from __future__ import annotations

import logging

from msgspec import Struct

from linstor_core.domain.errors import Code
from linstor_core.domain.observed import Failure, ResourceSeen
from linstor_core.satellite import planner
from linstor_core.satellite.executor import StepExecutor
from linstor_core.satellite.facts import PoolFacts, ResourceFacts, Unobserved
from linstor_core.satellite.failures import SatelliteError
from linstor_core.satellite.layers.layer import Plan
from linstor_core.satellite.observer import NodeObserver, observe
from linstor_core.satellite.steps import FetchContent, PlannedStep
from linstor_core.satellite.storage.driver import Pools
from linstor_core.wire.resource_spec import ResourceSpec

_log = logging.getLogger(__name__)
_MAX_ROUNDS = 6


class Converged(Struct, frozen=True):
    """What came of it. `known_data_ids` have to be stored before anybody is told.

    With `fetch` it is not the end: that has to be fetched, and then the work goes on from the start.
    """

    seen: ResourceSeen
    known_data_ids: frozenset[str]
    pools: dict[str, PoolFacts | Unobserved]
    fetch: FetchContent | None = None


def converge(spec: ResourceSpec, pools: Pools, known_data_ids: frozenset[str], observer: NodeObserver,
             executor: StepExecutor) -> Converged:
    """Bring the node as near to the spec as possible; never raises a SatelliteError."""
    failures: tuple[Failure, ...] = ()
    for _ in range(_MAX_ROUNDS):
        facts = _observed(spec, pools, known_data_ids, observer)
        known_data_ids = planner.complete_data_ids(spec, pools, facts)
        plan = planner.plan(spec, pools, facts)
        failures = plan.failures
        if not plan.steps:
            break
        failed = _execute(spec, plan.steps, executor)
        if isinstance(failed, FetchContent):
            facts = _observed(spec, pools, known_data_ids, observer)
            known_data_ids = planner.complete_data_ids(spec, pools, facts)
            return Converged(planner.resource_seen(spec, pools, facts, failures), known_data_ids, facts.pools, failed)
        if failed is not None:
            failures = (failed, *failures)
            facts = _observed(spec, pools, known_data_ids, observer)
            names = planner.plan_names(spec, pools, facts)
            if names.steps:  # of a device that could not be taken away, for instance
                _execute(spec, names.steps, executor)
                facts = _observed(spec, pools, known_data_ids, observer)
            known_data_ids = planner.complete_data_ids(spec, pools, facts)
            break
    else:
        failures = (Failure(f"The resource '{spec.resource_name}' does not come to rest",
                            f"After {_MAX_ROUNDS} rounds there was still something to do.",
                            "Check whether something else changes its files or devices.", code=Code.UNKNOWN_ERROR),)
    return Converged(planner.resource_seen(spec, pools, facts, failures), known_data_ids, facts.pools)


def preview(spec: ResourceSpec, pools: Pools, known_data_ids: frozenset[str], observer: NodeObserver) -> Plan:
    """The plan of the first round, which nobody carries out."""
    return planner.plan(spec, pools, _observed(spec, pools, known_data_ids, observer))


def _observed(spec: ResourceSpec, pools: Pools, known_data_ids: frozenset[str],
              observer: NodeObserver) -> ResourceFacts:
    return observe(observer, planner.pools_of(spec, pools), planner.interests(spec, pools), known_data_ids,
                   spec.resource_name)


def _execute(spec: ResourceSpec, steps: tuple[PlannedStep, ...],
             executor: StepExecutor) -> Failure | FetchContent | None:
    """Up to the first step that fails, or that no executor runs."""
    for step in steps:
        if isinstance(step, FetchContent):
            return step
        _log.info("%s: %s", spec.resource_name, step.description)
        try:
            executor.run(step)
        except SatelliteError as error:
            _log.warning("%s: %s (%s)", spec.resource_name, error.message, error.cause)
            return error.failure()
    return None
