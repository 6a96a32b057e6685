"""A controller with a simulated satellite: as many deployed resources as one likes, and no device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools import processes, services
from tools.bench import playground
from tools.bench.playground import NODE, Server
from tools.dev.state_folder import Setup
from tools.processes import ProcessIdentity

DIRECTORY = Path("/simulated")


class Simulation:
    """Two processes; `server` is the controller, alone in its process, as far as it runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._setup = Setup(services.free_address(), services.free_address(), NODE)
        self._satellite = services.start(
            "linstor_core.testing.simulated_satellite",
            ["--name", NODE, "--listen", self._setup.satellite_listen, "--state", str(folder / "satellite")],
            folder / "satellite.log")
        self._controller: ProcessIdentity | None = None

    def start(self) -> Server:
        """Returns with the first REST answer. Raises StartFailed."""
        log = self._folder / "controller.log"
        self._controller = services.start(
            "linstor_core.controller", ["--listen", self._setup.listen, "--state", str(self._folder / "controller"),
                                        "--log-level", "WARNING"], log)
        services.wait_until_healthy(self._setup.listen, self._controller, log)
        return Server(self._setup.listen, self._controller, DIRECTORY, self._setup)

    def stop(self) -> None:
        """The controller only."""
        if self._controller is not None:
            processes.stop(self._controller, timeout_s=10)

    def close(self) -> None:
        self.stop()
        processes.stop(self._satellite, timeout_s=10)


@contextmanager
def running(root: Path, name: str) -> Iterator[tuple[Simulation, Server]]:
    """With a node online, a storage pool and a resource group."""
    folder = root / name
    folder.mkdir()
    simulation = Simulation(folder)
    try:
        server = simulation.start()
        playground.prepare_pool(server)
        yield simulation, server
    finally:
        simulation.close()
