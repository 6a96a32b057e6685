"""Full syncs come in turn, and nobody who is slow holds up the rest."""

from __future__ import annotations

import asyncio

from linstor_core.controller.admission import Admission


def test_no_more_than_the_bound_are_at_it() -> None:
    async def scenario() -> tuple[int, int]:
        admission, at_it, most, done = Admission(at_once=3), 0, 0, 0

        async def sync() -> None:
            nonlocal at_it, most, done
            async with admission.turn():
                at_it += 1
                most = max(most, at_it)
                await asyncio.sleep(0)
                at_it -= 1
                done += 1

        await asyncio.gather(*(sync() for _ in range(20)))
        return most, done
    assert asyncio.run(scenario()) == (3, 20)


def test_a_turn_that_is_ended_twice_lets_one_in() -> None:
    async def scenario() -> bool:
        admission = Admission(at_once=1)
        async with admission.turn() as first:
            first.end()
            first.end()
            async with admission.turn():
                waiting = asyncio.ensure_future(admission.turn().__aenter__())
                for _ in range(5):
                    await asyncio.sleep(0)
                return not waiting.done() and waiting.cancel()
    assert asyncio.run(scenario()) is True


def test_who_takes_too_long_makes_way() -> None:
    async def scenario() -> str:
        admission = Admission(at_once=1, patience_s=0.01)
        async with admission.turn(), asyncio.timeout(20), admission.turn():
            return "in"
    assert asyncio.run(scenario()) == "in"


def test_who_gives_up_waiting_takes_nobodys_turn() -> None:
    async def scenario() -> str:
        admission = Admission(at_once=1)
        async with admission.turn() as first:
            waiting = asyncio.ensure_future(admission.turn().__aenter__())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            first.end()
            async with asyncio.timeout(20), admission.turn():
                return "in"
    assert asyncio.run(scenario()) == "in"
