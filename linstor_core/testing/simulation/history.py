"""Plays a script: everything it says happens, then all is healed, and the invariants have to hold."""

from __future__ import annotations

import contextlib
import gc
import logging
from collections import Counter
from collections.abc import Callable, Iterator

from msgspec import Struct

from linstor_core.testing.simulation import deeds, invariants, job_deeds
from linstor_core.testing.simulation.aim import aimed
from linstor_core.testing.simulation.faults import FAULTS
from linstor_core.testing.simulation.loop import Stuck
from linstor_core.testing.simulation.script import Event, Script
from linstor_core.testing.simulation.world import World

_SETTLES_WITHIN_S = 1500.0
_LOOK_S = 20.0
_KINDS = {**deeds.DEEDS, **job_deeds.DEEDS, **FAULTS}
_MOST_CALLBACKS = 2_000_000

Plant = Callable[[World], None]
"""Puts a fault of the product into a world that has not begun."""


class Outcome(Struct, frozen=True):
    """`wrong` is empty for a history in which everything held."""

    seed: int
    wrong: tuple[str, ...]
    digest: str
    coverage: Counter[str]
    callbacks: int


class _Errors(logging.Handler):
    """Keeps what the product itself calls a fault."""

    def __init__(self, world: World) -> None:
        super().__init__(logging.ERROR)
        self._world = world

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info is not None:
            self._world.logged.append(f"{record.getMessage()}: {record.exc_info[1]!r}")


@contextlib.contextmanager
def _listening(world: World) -> Iterator[None]:
    log = logging.getLogger("linstor_core")
    errors, level, propagate = _Errors(world), log.level, log.propagate
    log.addHandler(errors)
    log.setLevel(logging.ERROR)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(errors)
        log.setLevel(level)
        log.propagate = propagate


def play(script: Script, show: Callable[[str], None] | None = None, plant: Plant | None = None) -> Outcome:
    world = World(script, show)
    if plant is not None:
        plant(world)
    collects = gc.isenabled()
    gc.disable()  # what is freed when is told by the collector, and has to be told by the seed
    try:
        with _listening(world):
            wrong = _played(world, script)
            digest = world.loop.trace.digest
            passed = world.loop.passed
            world.loop.bury()
    finally:
        world.loop.close()
        if collects:
            gc.enable()
    return Outcome(script.seed, tuple(wrong), digest, world.coverage, passed)


def _played(world: World, script: Script) -> list[str]:
    try:
        _begin(world, script)
        for event in script.events:
            _pass(world, event.at_s + 5.0)
            _happen(world, event)
        _pass(world, script.length_s + 5.0)
        world.heal()
        left = _settle(world)
    except Stuck as stuck:
        return [str(stuck)]
    for line in (wrong := [*invariants.broken(world), *left]):
        world.loop.trace(f"WRONG: {line}")
    return wrong


def _begin(world: World, script: Script) -> None:
    """The first nodes join while nothing is out of order."""
    world.controller.start()
    for host in world.hosts:
        host.start()
    for number in range(script.nodes):
        world.loop.call_at(0.5 + number / 10, _happen, world, Event(0.0, "add_node", {"host": number}))
    _pass(world, 5.0)


def _happen(world: World, event: Event) -> None:
    deed = _KINDS[event.kind]
    names = aimed(world, event)
    world.loop.trace(f"--- {event.kind} {names}")
    world.coverage[f"event {event.kind}"] += 1
    world.loop.create_task(deed(world, names), name=event.kind)


def _pass(world: World, until_s: float) -> None:
    """Raises Stuck when far too much happens."""
    reached: list[bool] = []
    world.loop.call_at(until_s, reached.append, True)
    world.loop.run_while(lambda: not reached and world.loop.passed < _MOST_CALLBACKS)
    if not reached:
        raise Stuck(f"{world.loop.passed} callbacks, and no end")


def _settle(world: World) -> list[str]:
    """What is left when all had time enough: it has to hold twice in a row."""
    end_s = world.loop.time() + _SETTLES_WITHIN_S
    held = 0
    left: list[str] = []
    while world.loop.time() < end_s and held < 2:
        _pass(world, world.loop.time() + _LOOK_S)
        left = invariants.unsettled(world)
        held = 0 if left else held + 1
    return left
