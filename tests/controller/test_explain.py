"""GET …/explain: the same verdicts as the autoplacer's, with their numbers."""

from __future__ import annotations

import pytest
from msgspec import structs

from linstor_core.controller.call import Call
from linstor_core.controller.operations import spawn
from linstor_core.controller.queries import explain
from linstor_core.controller.route import NoBody
from linstor_core.domain.errors import InvalidInput
from linstor_core.domain.nodes import ConnectionStatus
from linstor_core.domain.resource_groups import AutoSelectFilter, VolumeGroup
from linstor_core.domain.storage_pools import ProviderKind
from linstor_core.testing.builders import GIB_KIB, Model
from linstor_core.wire.explain import Explanation, PoolVerdict
from linstor_core.wire.rest_bodies import ResourceGroupSpawn


def cluster_of_three() -> Model:
    model = Model.with_nodes(2)
    model.add_node("n3", free_kib=GIB_KIB)
    model.put(structs.replace(model.cluster.resource_groups["DFLTRSCGRP"], volume_groups=(VolumeGroup("u", 0),),
                              select_filter=AutoSelectFilter(place_count=1, layer_stack=("STORAGE",))))
    return model


def explained(model: Model, **query: str) -> Explanation:
    answer = explain.group(model.cluster, Call(NoBody(), {"group": "dfltrscgrp"},
                                               {key: [value] for key, value in query.items()}))
    assert isinstance(answer, Explanation)
    return answer


def of(explanation: Explanation, node: str) -> PoolVerdict:
    return next(pool for pool in explanation.pools if pool.node_name == node)


def test_every_pool_has_a_verdict_and_the_chosen_one_is_where_a_spawn_goes() -> None:
    model = cluster_of_three()
    explanation = explained(model, size_kib="1024")
    chosen = [pool.node_name for pool in explanation.pools if pool.verdict == "chosen"]
    model.run(spawn.spawn, ResourceGroupSpawn(resource_definition_name="vol", volume_sizes=(1024,)),
              group="DfltRscGrp")
    assert chosen == [resource.node_name for resource in model.cluster.resources_of("vol")]
    assert explanation.feasible
    assert len(explanation.pools) == 3


def test_a_score_is_the_sum_of_its_parts() -> None:
    verdict = of(explained(cluster_of_three(), size_kib="1024"), "n1")
    assert verdict.score == pytest.approx(sum(verdict.scores.values()))
    assert "MaxFreeSpace" in verdict.scores


def test_a_rejected_pool_says_why_with_numbers() -> None:
    model = cluster_of_three()
    model.away("n2")
    explanation = explained(model, size_kib=str(50 * GIB_KIB), place_count="3")
    assert not explanation.feasible
    assert of(explanation, "n2").reason == f"the node is {ConnectionStatus.OFFLINE.value}"
    assert str(50 * GIB_KIB) in of(explanation, "n3").reason
    assert of(explanation, "n3").verdict == "rejected"


def test_a_definition_is_explained_with_the_replicas_it_has() -> None:
    model = cluster_of_three()
    model.run(spawn.spawn, ResourceGroupSpawn(resource_definition_name="vol", volume_sizes=(1024,)),
              group="DfltRscGrp")
    (there,) = model.cluster.resources_of("vol")
    answer = explain.definition(model.cluster, Call(NoBody(), {"resource": "VOL"}, {"place_count": ["2"]}))
    assert isinstance(answer, Explanation)
    assert answer.wanted == 1
    assert of(answer, there.node_name).reason == "the node has a replica already"


def test_a_number_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no whole number"):
        explained(cluster_of_three(), size_kib="much")


def test_thick_pools_are_explained_without_over_subscription() -> None:
    model = Model.with_nodes(1, kind=ProviderKind.FILE)
    assert of(explained(model), "n1").usable_kib == 100 * GIB_KIB
