"""What happens to machines: programs are killed, plugs and cables are pulled, and some time later all is well again."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from random import Random

from three_hosts import NODES, ThreeHosts

CONTROLLER = "controller"
Repair = Callable[[], None]


class Mishaps:
    """Several at a time, but one a victim. Runs in the thread that the programs of hosts may not outlive."""

    def __init__(self, site: ThreeHosts, seed: str, tell: Callable[[str], None]) -> None:
        self.count = 0
        self._site = site
        self._random = Random(f"{seed} mishaps")
        self._tell = tell
        self._broken: dict[str, tuple[float, Repair]] = {}
        """Victim -> when it is repaired, and how."""

    def happen_until(self, deadline: float) -> None:
        while time.monotonic() < deadline:
            time.sleep(self._random.uniform(0.1, 0.6))
            self._repair(time.monotonic())
            victim = self._random.choice([CONTROLLER, *sorted(NODES)])
            if victim not in self._broken:
                self.count += 1
                repair = self._controller_dies() if victim == CONTROLLER else self._something_at(victim)
                self._broken[victim] = (time.monotonic() + self._random.uniform(0, 4), repair)
        self._repair(float("inf"))

    def _repair(self, now: float) -> None:
        for victim, (due, repair) in sorted(self._broken.items()):
            if due <= now:
                del self._broken[victim]
                repair()
                self._tell(f"+++ {victim}")

    def _controller_dies(self) -> Repair:
        self._tell("--- the controller dies")
        self._site.kill_controller()
        return self._site.start_controller

    def _something_at(self, node: str) -> Repair:
        mishap = self._random.choice([self._satellite_dies, self._loses_power, self._is_cut_off, self._is_not_heard,
                                      self._hears_nothing])
        self._tell(f"--- {node}: {mishap.__name__.strip('_')}")
        return mishap(node)

    def _satellite_dies(self, node: str) -> Repair:
        self._site.kill_satellite(node)
        return lambda: self._site.start_satellite(node)

    def _loses_power(self, node: str) -> Repair:
        self._site.lan.switch_off(self._site.hosts[node])

        def start() -> None:
            self._site.lan.switch_on(self._site.hosts[node])
            self._site.start_satellite(node)

        return start

    def _is_cut_off(self, node: str) -> Repair:
        """Sometimes the satellite is another one when the cable is plugged in again."""
        self._site.lan.cut(self._site.hosts[node])

        def heal() -> None:
            if self._random.random() < 0.3:
                self._site.kill_satellite(node)
                self._site.start_satellite(node)
            self._site.lan.heal(self._site.hosts[node])

        return heal

    def _is_not_heard(self, node: str) -> Repair:
        return _entered(self._site.lan.silenced(self._site.hosts[node], self._site.lan.hub))

    def _hears_nothing(self, node: str) -> Repair:
        return _entered(self._site.lan.silenced(self._site.lan.hub, self._site.hosts[node]))


def _entered(condition: AbstractContextManager[None]) -> Repair:
    stack = ExitStack()
    stack.enter_context(condition)
    return stack.close
