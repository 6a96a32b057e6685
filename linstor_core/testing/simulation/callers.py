"""Calls as a REST caller makes them: through the rows of the route table, answered, refused, or cut off."""

from __future__ import annotations

import asyncio
import contextvars
from random import Random
from typing import Any

import msgspec
from msgspec import Struct

from linstor_core.controller.call import Call
from linstor_core.controller.controller import Controller
from linstor_core.controller.plans import Ask
from linstor_core.controller.route import NoBody, Route
from linstor_core.controller.routes import ROUTES
from linstor_core.domain.cluster import Cluster
from linstor_core.domain.errors import LinstorError
from linstor_core.testing.simulation.hosts import ControllerHost
from linstor_core.testing.simulation.loop import VirtualLoop
from linstor_core.wire.api_call_rc import ApiCallRc

_TABLE = {f"{route.method} {route.path}": route for route in ROUTES}
WARNING_BITS = 2


class Answer(Struct, frozen=True):
    """`refusal` says why nothing was done; neither that nor entries: the connection was cut off, or never made."""

    reached: bool
    entries: tuple[ApiCallRc, ...] = ()
    refusal: str = ""
    cut_off: bool = False
    cluster: Cluster | None = None
    """What was published when it was given."""

    @property
    def is_error(self) -> bool:
        return bool(self.refusal) or any(entry.is_error for entry in self.entries)

    @property
    def is_clean(self) -> bool:
        """Done, and nothing left to do."""
        return self.reached and not self.cut_off and not self.is_error and not any(
            (entry.ret_code >> 62) & 3 == WARNING_BITS for entry in self.entries)


class _Services(Struct):
    """What the services among the routes may use here."""

    controller: Controller
    reconnect: Any
    ask: Ask


class Callers:
    def __init__(self, loop: VirtualLoop, host: ControllerHost, random: Random) -> None:
        self._loop = loop
        self._host = host
        self._random = random
        self._context = contextvars.copy_context()
        self.faults: list[str] = []
        """Internal errors of the controller."""

    async def call(self, row: str, body: Any = None, **names: str) -> Answer:
        """`row` is "METHOD /path/of/<the>/table"."""
        route = _TABLE[row]
        decoded = NoBody() if route.body is NoBody else msgspec.convert(body if body is not None else {}, route.body)
        call: Call[Any] = Call(decoded, names, {}, route.mask)
        await asyncio.sleep(self._random.random() * 0.01)
        engine, process = self._host.engine, self._host.process
        if engine is None or process is None or not process.alive:
            return Answer(reached=False)
        done: asyncio.Future[Answer] = self._loop.create_future()
        services = _Services(engine.controller, engine.links.reconnect, engine.links.ask)
        process.on_death.append(lambda: _resolve(done, Answer(True, cut_off=True)))
        process.context.run(self._loop.create_task, self._serve(services, route, call, done), name=row)
        answer = await done
        codes = "cut off" if answer.cut_off else [entry.ret_code & 0x7FFF for entry in answer.entries]
        self._loop.trace(f"{row} {names}: {answer.refusal or codes}")
        return answer

    async def _serve(self, services: _Services, route: Route, call: Call[Any], done: asyncio.Future[Answer]) -> None:
        try:
            entries = await self._work(services, route, call)
            answer = Answer(True, tuple(entries), cluster=services.controller.cluster)
        except LinstorError as fault:
            answer = Answer(True, refusal=fault.message, cluster=services.controller.cluster)
        except Exception as fault:
            self.faults.append(f"{route.method} {route.path} {call.path}: {fault!r}")
            raise
        self._loop.call_later(self._random.random() * 0.01, _resolve, done, answer, context=self._context)

    async def _work(self, services: _Services, route: Route, call: Call[Any]) -> list[ApiCallRc]:
        write = route.write
        if write is not None:
            return await services.controller.apply(lambda cluster, context: write(cluster, context, call))
        assert route.service is not None
        entries = await route.service(services, call)
        return entries if isinstance(entries, list) else []


def _resolve(done: asyncio.Future[Answer], answer: Answer) -> None:
    if not done.done():
        done.set_result(answer)
