"""Word to systemd, over real sockets."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from linstor_core.daemons.supervisor import Supervisor
from tests.daemons.fake_supervisor import FakeSupervisor


@pytest.fixture(params=["path", "abstract"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "notify" if request.param == "path" else None


def test_it_is_told_by_path_and_by_abstract_name(place: Path | None) -> None:
    with FakeSupervisor(place) as fake:
        supervisor = Supervisor(fake.environment(), os.getpid())
        supervisor.ready("serves")
        supervisor.reloading()
        supervisor.stopping()
        assert fake.next() == {"READY": "1", "STATUS": "serves"}
        reloading = fake.next()
        assert reloading is not None and reloading["RELOADING"] == "1" and int(reloading["MONOTONIC_USEC"]) > 0
        assert fake.next() == {"STOPPING": "1", "STATUS": "ending"}
        supervisor.close()


def test_programs_that_are_started_later_inherit_nothing() -> None:
    environment = {"NOTIFY_SOCKET": "/run/nowhere", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1", "PATH": "/bin"}
    Supervisor(environment, 1)
    assert environment == {"PATH": "/bin"}


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "relative"},
                                         {"NOTIFY_SOCKET": "/nowhere/at/all", "WATCHDOG_USEC": "x"}])
def test_without_anybody_who_listens_nothing_happens(environment: dict[str, str]) -> None:
    supervisor = Supervisor(environment, os.getpid())
    supervisor.ready("serves")
    supervisor.stopping()
    assert supervisor.alive_every_s == 0
    supervisor.close()


def test_a_supervisor_that_does_not_read_blocks_nobody(tmp_path: Path) -> None:
    with FakeSupervisor(tmp_path / "notify") as fake:
        supervisor = Supervisor(fake.environment(), os.getpid())
        for number in range(5000):
            supervisor.ready(str(number))
        supervisor.close()
        first = fake.next()
        assert first is not None and first["STATUS"] == "0"


def test_the_watchdog_of_another_process_is_not_answered(tmp_path: Path) -> None:
    with FakeSupervisor(tmp_path / "notify") as fake:
        environment = {**fake.environment(watchdog_s=10), "WATCHDOG_PID": "1"}
        assert Supervisor(environment, os.getpid()).alive_every_s == 0
        environment = {**fake.environment(watchdog_s=10), "WATCHDOG_PID": str(os.getpid())}
        assert Supervisor(environment, os.getpid()).alive_every_s == 5


def test_a_loop_that_is_stuck_gives_no_sign_of_life() -> None:
    stuck, free = threading.Event(), threading.Event()

    async def stick() -> None:
        alive = asyncio.create_task(supervisor.keep_alive())
        while len(fake.heard) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        stuck.set()
        free.wait()
        alive.cancel()

    with FakeSupervisor() as fake:
        supervisor = Supervisor(fake.environment(watchdog_s=0.1), os.getpid())
        loop = threading.Thread(target=asyncio.run, args=(stick(),))
        loop.start()
        try:
            for _ in range(3):
                fake.until("WATCHDOG")
            assert stuck.wait(20)
            while fake.next(within_s=0.2) is not None:
                """Signs that were given before it stuck."""
            assert fake.next(within_s=0.5) is None
        finally:
            free.set()
            loop.join()
            supervisor.close()
