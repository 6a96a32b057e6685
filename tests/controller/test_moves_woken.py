"""What waits because a node is away goes on when it is back, not when a pause is over."""

from __future__ import annotations

import asyncio

from linstor_core.controller.change import Change
from linstor_core.controller.dispatcher import Dispatcher
from linstor_core.domain.cluster import Cluster
from linstor_core.domain.errors import Code
from linstor_core.domain.jobs import Stage
from linstor_core.testing.builders import Model
from tests.controller.moving import advanced, later, moved, now, placed, settled, until


def posted(dispatcher: Dispatcher, before: Cluster, after: Cluster, node_key: str) -> list[tuple[str, str]]:
    """What the satellite of a node is told after its mailbox was opened anew."""

    async def told() -> list[tuple[str, str]]:
        mailbox = dispatcher.open(node_key)
        mailbox.post(("!LAST", node_key))
        dispatcher.published(before, after, Change(puts=tuple(after.nodes_seen.values())))
        return (await mailbox.take())[2][1:]

    return asyncio.run(told())


def test_who_fetches_is_told_again_when_the_source_is_back() -> None:
    model = Model.with_nodes(3)
    placed(model)
    job = moved(model, target="n2")
    until(model, job, Stage.COPYING)
    online = model.cluster
    model.away("n1")
    away = model.cluster
    model.back("n1")
    assert posted(Dispatcher(), away, model.cluster, "N2") == [("DATA", "N2")]
    assert posted(Dispatcher(), away, model.cluster, "N1") == []  # its full sync told it
    assert posted(Dispatcher(), away, model.cluster, "N3") == []
    assert posted(Dispatcher(), online, model.cluster, "N2") == []
    assert posted(Dispatcher(), online, away, "N2") == []


def test_a_move_that_was_put_off_because_its_target_was_away_begins_when_that_is_back() -> None:
    model = Model.with_nodes(3)
    placed(model)
    job = moved(model, target="n2")
    until(model, job, Stage.CLOSING)
    model.away("n2")
    model.answer("n1")
    advanced(model)
    model.answer("n1")
    waiting = now(model, job)
    assert (waiting.stage, waiting.blocked_code) == (Stage.CHECKING, Code.NOT_CONNECTED)
    model.back("n2")
    advanced(model)
    assert now(model, job).stage is Stage.CLOSING
    assert model.context.now_ms() < waiting.not_before_ms


def test_a_target_that_is_away_is_not_tried_before_it_is_back() -> None:
    model = Model.with_nodes(3)
    source = placed(model)
    job = moved(model, target="n2")
    until(model, job, Stage.CLOSING)
    model.away("n2")
    settled(model, "n2")
    later(model, 200_000)
    settled(model, "n2")
    waiting = now(model, job)
    assert (waiting.stage, waiting.tries) == (Stage.CHECKING, 1)
    found = model.cluster.resource(source.name, "n1")
    assert found is not None and found.flags == source.flags
