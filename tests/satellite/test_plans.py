"""Decisions as data: every file of tests/plans/storage is one case, {spec, pool, facts, steps, errors}.

`steps` are compared whole, `errors` by what their messages contain.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from msgspec import Struct

from linstor_core.satellite import planner
from linstor_core.satellite.facts import ResourceFacts
from linstor_core.satellite.steps import PlannedStep
from linstor_core.wire.resource_spec import PoolSpec, ResourceSpec

PLANS = Path(__file__).parents[1] / "plans" / "storage"


class Case(Struct, forbid_unknown_fields=True):
    about: str
    spec: ResourceSpec
    pool: PoolSpec
    facts: ResourceFacts
    steps: tuple[PlannedStep, ...] = ()
    errors: tuple[str, ...] = ()


@pytest.mark.parametrize("path", sorted(PLANS.glob("*.json")), ids=lambda path: path.stem)
def test_plan(path: Path) -> None:
    case = msgspec.json.decode(path.read_bytes(), type=Case)
    pools = {case.pool.name.upper(): case.pool}
    plan = planner.plan(case.spec, pools, case.facts)
    assert plan.steps == case.steps
    assert len(plan.failures) == len(case.errors), plan.failures
    for failure, expected in zip(plan.failures, case.errors, strict=True):
        assert expected in f"{failure.message} {failure.cause}"
    for failure in plan.failures:
        assert failure.correction, failure
    assert set(planner.interests(case.spec, pools)) <= set(case.facts.files), "a plan needs facts of all it names"
