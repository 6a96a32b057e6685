"""A model in which jobs go on: what the tests of jobs share."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import structs

from linstor_core.controller import resource_specs
from linstor_core.controller.change import Change
from linstor_core.controller.operations import jobs, moves
from linstor_core.domain.cluster import key_of
from linstor_core.domain.jobs import Job, JobKind, Stage
from linstor_core.domain.observed import Failure, ResourceSeen
from linstor_core.domain.resource_definitions import ResourceDefinition, VolumeDefinition
from linstor_core.domain.resources import Resource, Volume
from linstor_core.testing import builders
from linstor_core.testing.builders import GIB_KIB, Model
from linstor_core.wire.resource_spec import ResourceSpec
from linstor_core.wire.rest_jobs import ResourceMove

MOST_ROUNDS = 60


def placed(model: Model, name: str = "data", node: str = "n1", volumes: int = 1, size_kib: int = GIB_KIB,
           **fields: object) -> Resource:
    """A resource with content, as its satellite has reported it."""
    context = model.context
    definition = model.cluster.definition(name) or ResourceDefinition(
        context.new_uuid(), name, "DfltRscGrp", layer_stack=("STORAGE",),
        volume_definitions=tuple(VolumeDefinition(context.new_uuid(), number, size_kib) for number in range(volumes)))
    resource = Resource(
        context.new_uuid(), name, node, create_timestamp_ms=1, props={"StorPoolName": "thin"},
        volumes=tuple(Volume(context.new_uuid(), number, "thin", f"{name}_{number:05d}", context.new_uuid(),
                             props={"Aux/volume": str(number)}) for number in range(volumes)))
    resource = structs.replace(resource, **fields)
    model.put(definition, resource)
    model.answer(node)
    return model.cluster.resources[key_of(name), key_of(node)]


def moved(model: Model, name: str = "data", node: str = "n1", target: str = "", pool: str = "") -> Job:
    change = model.run(jobs.move, ResourceMove(target_node=target, target_pool=pool), resource=name, node=node)
    return model.cluster.jobs[change.answers[0].obj_refs["Job"] or ""]


def advanced(model: Model, keys: Iterable[str] | None = None) -> Change:
    """One round of all jobs, or of these."""
    wanted = tuple(model.cluster.live_jobs if keys is None else keys)
    return model.run(lambda cluster, context, _: jobs.advance(wanted)(cluster, context))


def now(model: Model, job: Job) -> Job:
    return model.cluster.jobs[job.uuid]


def the_move(model: Model, name: str) -> Job:
    """The newest move of a resource."""
    return max((job for job in model.cluster.jobs.values() if job.kind is JobKind.MOVE and job.resource_name == name),
               key=lambda job: job.created_ms)


def round_of(model: Model, *away: str) -> bool:
    """Jobs go one step, then all satellites but these do what they are asked to; whether anything changed."""
    before = model.cluster
    advanced(model)
    model.answer(*(node.name for node in model.cluster.nodes.values() if node.name not in away))
    return persistent(model) != persistent_of(before)


def settled(model: Model, *away: str) -> None:
    """Until nothing goes on any more, however much time passes."""
    quiet = 0
    for _ in range(MOST_ROUNDS):
        quiet = 0 if round_of(model, *away) else quiet + 1
        if quiet == 2:
            later(model, moves.PAUSE_MS)
        elif quiet == 4:
            return
    raise AssertionError("the jobs never come to rest")


def persistent(model: Model) -> tuple[object, ...]:
    return persistent_of(model.cluster)


def persistent_of(cluster: object) -> tuple[object, ...]:
    kinds = ("nodes", "resource_definitions", "resources", "jobs", "tombstones")
    return tuple(getattr(cluster, name) for name in kinds)


def restarted(model: Model) -> Model:
    """The controller starts anew: what was seen is forgotten until the satellites that were there report again."""
    there = [node.name for node in model.cluster.nodes.values() if model.cluster.is_online(node.name)]
    measured = list(model.cluster.pools_seen.values())
    again = model.restarted()
    again.put(*(builders.online(name) for name in there), *measured)
    again.answer(*there)
    return again


def refusing(model: Model, node: str, name: str, code: int) -> None:
    """The satellite says of one resource that it can't do what it is asked to."""
    failure = Failure("It did not work.", code=code)
    model.report(node, [with_failure(spec, failure) for spec in model.specs(node) if spec.resource_name == name])


def with_failure(spec: ResourceSpec, failure: Failure) -> ResourceSeen:
    """Everything is there and open; only what was asked for was not done."""
    kept = tuple(structs.replace(volume, delete=False) for volume in spec.volumes)
    seen = builders.done(structs.replace(spec, active=True, volumes=kept))
    return structs.replace(seen, failures=(failure,))


def later(model: Model, ms: int) -> None:
    """Time passes."""
    for _ in range(ms):
        model.context.now_ms()


def holders(model: Model, name: str = "data") -> list[str]:
    return [resource.node_name for resource in model.cluster.resources_of(name)]


def spec(model: Model, node: str) -> ResourceSpec:
    found = resource_specs.build(model.cluster, ("DATA", node.upper()))
    assert found is not None
    return found


def until(model: Model, job: Job, stage: Stage) -> Job:
    """Rounds until the job is in this stage, before the satellites answer to it."""
    for _ in range(MOST_ROUNDS):
        advanced(model)
        if now(model, job).stage is stage:
            return now(model, job)
        model.answer()
    raise AssertionError(f"never {stage}: {now(model, job)}")


def in_use(model: Model, resource: Resource, is_used: bool = True) -> None:
    seen = model.cluster.seen(resource.name, resource.node_name)
    assert seen is not None
    volumes = tuple(structs.replace(volume, in_use=is_used) for volume in seen.volumes)
    model.report(resource.node_name, [structs.replace(seen, volumes=volumes)])
