"""One history's world: hosts, network, controller, and what is known of what happened in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

from linstor_core.testing.simulation.callers import Callers
from linstor_core.testing.simulation.contents import Contents
from linstor_core.testing.simulation.hosts import CONTROLLER, POOL_DIRECTORIES, ControllerHost, SatelliteHost
from linstor_core.testing.simulation.ledger import Ledger
from linstor_core.testing.simulation.loop import VirtualLoop
from linstor_core.testing.simulation.network import SimulatedNetwork
from linstor_core.testing.simulation.script import Script


class World:
    def __init__(self, script: Script, show: Callable[[str], None] | None = None) -> None:
        seed = script.seed
        self.coverage: Counter[str] = Counter()
        self.loop = VirtualLoop(Random(f"{seed}-loop"), show)
        self.network = SimulatedNetwork(self.loop, Random(f"{seed}-network"), self.count)
        self.controller = ControllerHost(self.loop, self.network, Random(f"{seed}-controller"), self.count)
        self.hosts = tuple(SatelliteHost(number, self.loop, self.network, Random(f"{seed}-host-{number}"), self.count)
                           for number in range(script.hosts))
        self.callers = Callers(self.loop, self.controller, Random(f"{seed}-callers"))
        self.ledger = Ledger()
        self.logged: list[str] = []
        """What the product itself called a fault."""
        self.forced: set[str] = set()
        """Nodes that were given up, or deleted: what they held may be left there, and is told of as orphans."""
        self.contents = Contents(self.loop.time)
        self.contents.hosts = {host.name.upper(): host for host in self.hosts}
        self.controller.database.on_commit = self.contents.committed

    def count(self, what: str) -> None:
        self.coverage[what] += 1
        self.loop.trace(f"* {what}")

    def host(self, number: int) -> SatelliteHost:
        return self.hosts[number % len(self.hosts)]

    def is_cut_off(self, node_name: str) -> bool:
        """Whether a host that runs is out of the controller's reach."""
        host = next((host for host in self.hosts if host.name.upper() == node_name.upper()), None)
        return host is not None and not (self.network.is_open(CONTROLLER, host.address)
                                         and self.network.is_open(host.address, CONTROLLER))

    def heal(self) -> None:
        """No fault is left, and everything runs again."""
        self.loop.trace("everything is healed")
        self.network.repeats = 0.0
        self.network.delay_s = 0.01
        self.controller.database.failing = 0
        self.controller.database.dies_next = False
        for host in self.hosts:
            host.node.failing = host.journal.failing = 0
            host.node.dies_after = None
            host.journal.dies_next = False
            for directory in POOL_DIRECTORIES:
                host.node.mount(directory)
            host.node.unreadable.clear()
            host.node.open_devices.clear()
            for process in (host.process, self.controller.process):
                if process is not None:
                    process.fuse = None
            self.network.open(CONTROLLER, host.address)
            self.network.open(host.address, CONTROLLER)
            for other in self.hosts:
                self.network.open(host.address, other.address)
            host.get_power()
        self.controller.start()
