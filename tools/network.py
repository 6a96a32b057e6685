"""Machines in miniature: network namespaces on one bridge, so that satellites have addresses of their own."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tools.processes import CommandFailed, run


class Network:
    """`hub` holds the bridge; every other namespace has one address on it. Nothing of it shows outside."""

    def __init__(self, hub: str, hub_address: str) -> None:
        self.hub = hub
        self._made: list[str] = []
        self._add(hub)
        _ip("-n", hub, "link", "add", "bridge0", "type", "bridge")
        _ip("-n", hub, "address", "add", f"{hub_address}/24", "dev", "bridge0")
        _ip("-n", hub, "link", "set", "bridge0", "up")

    def attach(self, address: str) -> str:
        """The name of a new namespace that has this address."""
        name = f"{self.hub}-{address.rpartition('.')[2]}"
        self._add(name)
        port = f"to-{address.rpartition('.')[2]}"
        _ip("-n", self.hub, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("-n", self.hub, "link", "set", port, "master", "bridge0", "up")
        _ip("-n", name, "address", "add", f"{address}/24", "dev", "eth0")
        _ip("-n", name, "link", "set", "eth0", "up")
        return name

    def _add(self, name: str) -> None:
        _ip("netns", "add", name)
        self._made.append(name)
        _ip("-n", name, "link", "set", "lo", "up")

    def remove(self) -> None:
        for name in reversed(self._made):
            with contextlib.suppress(CommandFailed):
                _ip("netns", "delete", name)


def inside(namespace: str, argv: Sequence[str]) -> list[str]:
    """The command line that runs `argv` in a namespace; it becomes that very process (no process in between)."""
    # Not `ip netns exec`: that copies all mounts into a namespace of their own, where they would outlive their unmount.
    return ["nsenter", f"--net=/run/netns/{namespace}", *argv]


@contextmanager
def network(hub_address: str) -> Iterator[Network]:
    """Named after this process, so that several runs don't meet. Raises CommandFailed."""
    made = Network(f"lt{os.getpid()}", hub_address)
    try:
        yield made
    finally:
        made.remove()


def _ip(*arguments: str) -> None:
    run(["ip", *arguments], timeout_s=20)
