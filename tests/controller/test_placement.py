"""The autoplacer keeps every rule, never places fewer than asked for, and says why each pool was not taken."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from test_resources import defined, placed

from linstor_core.controller.operations import autoplace
from linstor_core.controller.placement import autoplacer, capacity, explain, filters
from linstor_core.controller.placement.filters import Wanted
from linstor_core.domain.cluster import key_of
from linstor_core.domain.errors import LinstorError
from linstor_core.domain.nodes import Node
from linstor_core.domain.resource_groups import AutoSelectFilter
from linstor_core.domain.storage_pools import ProviderKind
from linstor_core.testing.builders import GIB_KIB, Model, measured
from linstor_core.wire import rest_bodies as bodies

ZONE = "Aux/zone"


def zoned(*zones: str) -> Model:
    """Nodes n1, n2 … with these values of Aux/zone ("" for none)."""
    model = Model()
    for number, zone in enumerate(zones, 1):
        model.add_node(f"n{number}", **({ZONE: zone} if zone else {}))
    return model


def names(selection: autoplacer.Selection) -> list[str]:
    return sorted(pool.node_name for pool in selection.chosen)


@pytest.mark.parametrize(("wanted", "nodes"), [
    (Wanted(1, 1024), ["n1"]),
    (Wanted(2, 1024, same=(ZONE,)), ["n1", "n2"]),
    (Wanted(2, 1024, same=(f"{ZONE}=b",)), []),
    (Wanted(1, 1024, same=(f"{ZONE}=b",)), ["n3"]),
    (Wanted(2, 1024, different=(ZONE,)), ["n1", "n3"]),
    (Wanted(3, 1024, different=(ZONE,)), ["n1", "n3", "n4"]),
    (Wanted(4, 1024, different=(ZONE,)), []),
    (Wanted(1, 1024, different=(f"{ZONE}=a",)), ["n3"]),
    (Wanted(4, 1024, at_most=((ZONE, 2),)), ["n1", "n2", "n3", "n4"]),
    (Wanted(1, 1024, nodes=frozenset({"N2"})), ["n2"]),
    (Wanted(1, 1024, pools=frozenset({"NOPE"})), []),
    (Wanted(1, 1024, providers=frozenset({"LVM"})), []),
    (Wanted(1, 1024, layer_stack=("DRBD", "STORAGE")), []),
    (Wanted(1, 1024, occupied=("N1",), different=(ZONE,)), ["n3"]),
    (Wanted(1, 1024, occupied=("N1", "N2"), same=(ZONE,)), []),
    (Wanted(1, 3000 * GIB_KIB), []),
])
def test_rules(wanted: Wanted, nodes: list[str]) -> None:
    assert names(autoplacer.select(zoned("a", "a", "b", "").cluster, wanted)) == nodes


def test_every_pool_is_named_with_its_reason_and_numbers() -> None:
    model = zoned("a", "a", "b")
    model.away("n3")
    wanted = Wanted(1, 3000 * GIB_KIB)
    selection = autoplacer.select(model.cluster, wanted)
    text = explain.refusal(selection, wanted).details
    assert f"n1/thin: {3000 * GIB_KIB} KiB are needed, {2000 * GIB_KIB} KiB may still be promised" in text
    assert "n3/thin: the node is OFFLINE" in text
    assert all(f"n{number}/thin" in text for number in (1, 2, 3))


def test_pools_that_only_fail_together_are_named_too() -> None:
    wanted = Wanted(2, 1024, different=(ZONE,))
    text = explain.refusal(autoplacer.select(zoned("a", "a").cluster, wanted), wanted).details
    assert "n1/thin: could be taken" in text
    assert "no 2 of them together" in text


def test_providers_are_not_mixed_but_thin_and_thick_of_a_family_are() -> None:
    model = Model.with_nodes(1)
    model.add_node("n2", kind=ProviderKind.LVM_THIN)
    assert names(autoplacer.select(model.cluster, Wanted(2, 1024))) == []
    model.add_node("n3", kind=ProviderKind.FILE)
    assert names(autoplacer.select(model.cluster, Wanted(2, 1024))) == ["n1", "n3"]


def test_nodes_with_fewer_resources_win_among_equals() -> None:
    model = Model.with_nodes(3)
    for number in range(3):
        defined(model, f"r{number}")
        model.run(autoplace.autoplace, bodies.AutoPlace(select_filter=AutoSelectFilter(place_count=1)),
                  resource=f"r{number}")
    assert sorted(node for _, node in model.cluster.resources) == ["N1", "N2", "N3"]


def test_apart_from_named_resources_and_patterns() -> None:
    model = Model.with_nodes(2)
    defined(model, "loud")
    placed(model, "loud", "n1")
    assert names(autoplacer.select(model.cluster, Wanted(1, 1, avoid_resources=frozenset({"LOUD"})))) == ["n2"]
    assert names(autoplacer.select(model.cluster, Wanted(1, 1, avoid_pattern="lo.*"))) == ["n2"]


def test_a_nearly_full_thin_pool_is_left_alone() -> None:
    model = Model.with_nodes(2)
    model.put(structs.replace(model.cluster.pools_seen["N1", "THIN"], free_kib=9 * GIB_KIB))
    reason = filters.verdict(model.cluster, Wanted(1, 1024), model.cluster.storage_pools["N1", "THIN"])
    assert reason is not None
    assert "9.0 %" in reason
    controller = structs.replace(model.cluster.controller, props={filters.MIN_THIN_FREE_PROP: "5"})
    model.put(controller)
    assert filters.verdict(model.cluster, Wanted(1, 1024), model.cluster.storage_pools["N1", "THIN"]) is None


@pytest.mark.parametrize("flag", ["DELETE", "EVACUATE", "EVICTED"])
def test_nodes_that_leave_get_nothing(flag: str) -> None:
    model = Model.with_nodes(1)
    model.put(structs.replace(model.cluster.nodes["N1"], flags=(flag,)))
    assert names(autoplacer.select(model.cluster, Wanted(1, 1))) == []


def test_oversubscription_counts_both_ratios() -> None:
    model = Model.with_nodes(1, free_kib=50 * GIB_KIB)
    pool = model.cluster.storage_pools["N1", "THIN"]
    assert capacity.usable_kib(model.cluster, pool) == 1000 * GIB_KIB
    model.put(structs.replace(pool, props={capacity.TOTAL_OVERSUBSCRIPTION: "2"}))
    pool = model.cluster.storage_pools["N1", "THIN"]
    assert capacity.usable_kib(model.cluster, pool) == 200 * GIB_KIB
    assert capacity.usable_kib(model.cluster, pool, 1.5) == 75 * GIB_KIB
    model.put(measured(pool, -1, -1))
    assert capacity.usable_kib(model.cluster, pool) is None


def test_an_autoplacement_that_is_satisfied_places_nothing() -> None:
    model = Model.with_nodes(2)
    defined(model)
    placed(model)
    change = model.run(autoplace.autoplace, bodies.AutoPlace(select_filter=AutoSelectFilter(place_count=1)),
                       resource="r1")
    assert ([answer.code for answer in change.answers], change.puts) == ([1006], ())


def _allowed(nodes: list[Node], wanted: Wanted) -> bool:
    """The rules once more, as plainly as can be."""
    if any(len({node.props.get(key) for node in nodes}) > 1 or None in {node.props.get(key) for node in nodes}
           for key in wanted.same):
        return False
    limits = [*((key, 1) for key in wanted.different), *wanted.at_most]
    for key, limit in limits:
        values = [node.props[key] for node in nodes if key in node.props]
        if any(values.count(value) > limit for value in values):
            return False
    return True


PROPS = st.fixed_dictionaries({}, optional={ZONE: st.sampled_from("abc"), "Aux/rack": st.sampled_from("xyz")})


@settings(deadline=None, max_examples=150)
@given(machines=st.lists(st.tuples(PROPS, st.integers(10, 100)), min_size=1, max_size=7), count=st.integers(1, 4),
       same=st.sets(st.sampled_from([ZONE, "Aux/rack"])), different=st.sets(st.sampled_from([ZONE, "Aux/rack"])),
       at_most=st.dictionaries(st.sampled_from([ZONE, "Aux/rack"]), st.integers(1, 3)), occupied=st.integers(0, 2))
def test_the_best_allowed_choice_or_none(*, machines: list[tuple[dict[str, str], int]], count: int, same: set[str],
                                         different: set[str], at_most: dict[str, int], occupied: int) -> None:
    model = Model()
    for number, (props, free_gib) in enumerate(machines):
        model.add_node(f"n{number}", free_kib=free_gib * GIB_KIB, **props)
    there = [node for _, node in sorted(model.cluster.nodes.items())][:occupied]
    wanted = Wanted(count, 1024, same=tuple(sorted(same)), different=tuple(sorted(different)),
                    at_most=tuple(sorted(at_most.items())), occupied=tuple(key_of(node.name) for node in there))
    if not _allowed(there, wanted):
        return
    selection = autoplacer.select(model.cluster, wanted)
    nodes = {key_of(node.name): node for node in model.cluster.nodes.values()}
    scores = {key_of(each.pool.node_name): each.score for each in selection.candidates}
    possible = [sum(scores[key] for key in keys) for keys in itertools.combinations(sorted(scores), count)
                if _allowed([*there, *(nodes[key] for key in keys)], wanted)]
    if not possible:
        assert selection.chosen == ()
        return
    chosen = [key_of(pool.node_name) for pool in selection.chosen]
    assert len(set(chosen)) == count
    assert _allowed([*there, *(nodes[key] for key in chosen)], wanted)
    assert sum(scores[key] for key in chosen) == pytest.approx(max(possible))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.integers(1, 3))
def test_parallel_spawns_never_promise_more_than_there_is(sizes_gib: list[int], count: int) -> None:
    """Thick pools of 60 GiB, nothing reported in between: what was just promised counts."""
    model = Model.with_nodes(3, ProviderKind.FILE, free_kib=60 * GIB_KIB)
    for number, size_gib in enumerate(sizes_gib):
        defined(model, f"r{number}", size_gib * GIB_KIB)
        before = len(model.cluster.resources)
        try:
            model.run(autoplace.autoplace, bodies.AutoPlace(select_filter=AutoSelectFilter(place_count=count)),
                      resource=f"r{number}")
        except LinstorError:
            assert len(model.cluster.resources) == before
        else:
            assert len(model.cluster.resources) == before + count
    assert all(usage.reserved_kib <= 60 * GIB_KIB for usage in model.cluster.usage.values())
