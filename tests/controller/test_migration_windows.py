"""A migration window: opened, made longer, closed by hand and by the clock, never in an administrator's way."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from linstor_core.controller.call import Call
from linstor_core.controller.change import Change
from linstor_core.controller.daemon import ControllerDaemon
from linstor_core.controller.operations import connections, migration_windows
from linstor_core.controller.queries import resources
from linstor_core.domain.errors import Code, InvalidInput, LinstorError, NotFound
from linstor_core.domain.registers import TWO_PRIMARIES, ResourceConnection
from linstor_core.domain.resource_definitions import ResourceDefinition
from linstor_core.domain.resources import Resource
from linstor_core.testing.builders import Model
from linstor_core.wire.rest_bodies import MigrationWindowOpen, PropsModify
from linstor_core.wire.rest_resources import MigrationWindow
from tools import services

PAIR = {"resource": "data", "first": "N2", "second": "n1"}
KEY = ("DATA", "N1;N2")


@pytest.fixture
def model() -> Model:
    made = Model.with_nodes(2)
    made.put(ResourceDefinition("u1", "data", "DfltRscGrp"), Resource("u2", "data", "n1"), Resource("u3", "data", "n2"))
    return made


def opened(model: Model, lease_s: float = 60) -> ResourceConnection:
    model.run(migration_windows.open_window, MigrationWindowOpen(lease_s), **PAIR)
    return model.cluster.resource_connections[KEY]


def closed(model: Model) -> None:
    model.run(lambda cluster, context, _: migration_windows.close_expired(cluster, context))


def shown(model: Model) -> object:
    return migration_windows.show(model.cluster, Call(None, PAIR))


def test_it_opens_and_closes(model: Model) -> None:
    assert shown(model) == MigrationWindow()
    found = opened(model)
    assert found.props == {TWO_PRIMARIES: "yes"}
    assert found.window_expires_ms is not None
    assert shown(model) == MigrationWindow(open=True, expires_ms=found.window_expires_ms)
    pair = resources.connection(model.cluster, Call(None, {"resource": "data", "node_a": "n1", "node_b": "n2"}))
    assert getattr(pair, "props", None) == {TWO_PRIMARIES: "yes"}
    for _ in range(2):
        model.run(migration_windows.close_window, **PAIR)
        assert not model.cluster.resource_connections


def test_opening_again_makes_it_longer_never_shorter(model: Model) -> None:
    first = opened(model, 60).window_expires_ms
    later = opened(model, 120).window_expires_ms
    assert first is not None and later is not None and later > first
    assert opened(model, 1).window_expires_ms == later


def test_what_an_administrator_set_stays(model: Model) -> None:
    model.run(connections.modify_resources, PropsModify({TWO_PRIMARIES: "yes"}), **PAIR)
    assert opened(model).window_expires_ms is None
    model.run(migration_windows.close_window, **PAIR)
    assert model.cluster.resource_connections[KEY].props == {TWO_PRIMARIES: "yes"}
    model.run(connections.modify_resources, PropsModify({TWO_PRIMARIES: "no"}), **PAIR)
    with pytest.raises(LinstorError) as refusal:
        opened(model)
    assert refusal.value.code == Code.INVLD_PROP
    assert model.cluster.resource_connections[KEY].props == {TWO_PRIMARIES: "no"}


def test_a_choice_made_while_it_is_open_outlives_it(model: Model) -> None:
    lease = opened(model, 0.001).window_expires_ms
    model.run(connections.modify_resources, PropsModify({"Aux/cable": "red"}), **PAIR)
    assert model.cluster.resource_connections[KEY].window_expires_ms == lease
    model.run(connections.modify_resources, PropsModify({TWO_PRIMARIES: "yes"}), **PAIR)
    closed(model)
    assert model.cluster.resource_connections[KEY].props == {TWO_PRIMARIES: "yes", "Aux/cable": "red"}


def test_its_end(model: Model) -> None:
    model.run(connections.modify_resources, PropsModify({"Aux/cable": "red"}), **PAIR)
    opened(model)
    closed(model)
    assert TWO_PRIMARIES in model.cluster.resource_connections[KEY].props
    assert migration_windows.first_end_ms(model.cluster) is not None
    model.run(migration_windows.close_window, **PAIR)
    opened(model, 0.001)
    closed(model)
    assert model.cluster.resource_connections[KEY].props == {"Aux/cable": "red"}
    assert migration_windows.first_end_ms(model.cluster) is None


@pytest.mark.parametrize("lease_s", [0, -1, 25 * 3600])
def test_no_lease_lasts_for_ever(model: Model, lease_s: float) -> None:
    with pytest.raises(InvalidInput):
        opened(model, lease_s)


def test_both_replicas_have_to_be_there(model: Model) -> None:
    with pytest.raises(NotFound):
        model.run(migration_windows.open_window, MigrationWindowOpen(1), **{**PAIR, "resource": "other"})
    with pytest.raises(InvalidInput):
        model.run(migration_windows.open_window, MigrationWindowOpen(1), **{**PAIR, "second": "n2"})


def test_the_controller_closes_it_in_time_and_after_a_restart(tmp_path: Path) -> None:
    asyncio.run(_closes_by_itself(tmp_path))


async def _closes_by_itself(state: Path) -> None:
    host, _, port = services.free_address().rpartition(":")
    for is_restarted in (False, True):
        end_ms = time.time_ns() // 1_000_000 + 1500
        lease = ResourceConnection("data", "u1", "n1", "n2", {TWO_PRIMARIES: "yes"}, end_ms)
        daemon = ControllerDaemon(state, host, int(port))
        await daemon.start()
        await daemon.controller.apply(lambda _, __, lease=lease: Change(puts=(lease,)))
        if is_restarted:
            await daemon.stop()
            daemon = ControllerDaemon(state, host, int(port))
            await daemon.start()
        assert daemon.controller.cluster.resource_connections
        while daemon.controller.cluster.resource_connections:
            await asyncio.sleep(0.01)
            assert time.time_ns() // 1_000_000 < end_ms + 1000
        assert time.time_ns() // 1_000_000 >= end_ms
        await daemon.stop()
