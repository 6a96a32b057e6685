"""REST at size: what ten thousand deployed resources cost, against ten and a thousand."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tools import processes
from tools.bench import simulation
from tools.bench.figure import Figure
from tools.bench.listeners import listening
from tools.bench.playground import NODE, Server
from tools.bench.sample import Sample, measure
from tools.bench.simulation import Simulation
from tools.bench.wire_client import WireClient, request
from tools.dev.first_volume import GROUP

LEVELS = (10, 1_000, 10_000)
LISTENERS = 1_000
VIEWS = 10
STARTS = 3
VIEW = "/v1/view/resources"
DEFINITIONS = "/v1/resource-definitions"
_VERSION = request("GET", "/v1/controller/version")


def sizes(root: Path) -> Iterator[Figure]:
    with simulation.running(root, "sizes") as (simulated, server):
        empty_kib, there = processes.resident_kib(server.pid), 0
        for level in LEVELS:
            _measure(server, [_spawn(number) for number in range(there, level)], 8)
            there = level
            yield from _small_answers(server, level)
        grown_kib = processes.resident_kib(server.pid) - empty_kib
        yield Figure("memory of a resource with one volume, of 10,000", "KiB", grown_kib / there, 10)
        yield from _whole_view(server)
        yield from _events(server)
        yield from _starts(simulated)


def _small_answers(server: Server, level: int) -> Iterator[Figure]:
    last = max(0, level - 50)
    for name, path, goal in (
            ("a resource definition", f"{DEFINITIONS}/{_name(level // 2)}", 1),
            ("resource-definitions, limit=50", f"{DEFINITIONS}?limit=50", 3),
            ("resource-definitions, the last 50", f"{DEFINITIONS}?limit=50&offset={last}", 3),
            ("view/resources, limit=50", f"{VIEW}?limit=50", 3),
            ("view/resources, the last 50", f"{VIEW}?limit=50&offset={last}", 3)):
        sample = _measure(server, [request("GET", path)] * 300)
        yield Figure(f"{name}, at {level:,}", "ms", sample.median_ms, goal, sample=sample)
    names = [f"x{level}-{number}" for number in range(50)]
    sample = _measure(server, [_spawn_named(name) for name in names])
    yield Figure(f"spawn on a simulated node, one after the other, at {level:,}", "ms", sample.median_ms, 15,
                 sample=sample)
    _measure(server, [request("DELETE", f"{DEFINITIONS}/{name}") for name in names])


def _whole_view(server: Server) -> Iterator[Figure]:
    for how, headers in (("", {}), (", gzip", {"Accept-Encoding": "gzip"})):
        whole = request("GET", VIEW, headers=headers)
        client = WireClient(server.address)
        size_mb = len(client.call(whole)) / 1e6
        client.close()
        sample = _measure(server, [whole] * VIEWS)
        yield Figure(f"view/resources with 10,000{how}: {size_mb:.1f} MB", "ms", sample.median_ms, sample=sample)
        worst = _stalls(server, whole)
        yield Figure(f"worst wait of a small request meanwhile{how}", "ms", worst.median_ms, 20, sample=worst)


def _stalls(server: Server, whole: bytes) -> Sample:
    """The longest latency of small requests during each of some large ones."""
    worst: list[float] = []
    started = time.perf_counter()
    client = WireClient(server.address)
    for _ in range(VIEWS):
        reading = threading.Thread(target=_measure, args=(server, [whole]))
        reading.start()
        longest = 0.0
        while reading.is_alive():
            sent = time.perf_counter()
            client.call(_VERSION)
            longest = max(longest, time.perf_counter() - sent)
        worst.append(longest * 1000)
    client.close()
    return Sample(tuple(worst), time.perf_counter() - started)


def _events(server: Server) -> Iterator[Figure]:
    before_kib = processes.resident_kib(server.pid)
    with listening(server.address, LISTENERS) as listeners:
        grown_kib = processes.resident_kib(server.pid) - before_kib
        yield Figure(f"memory of {LISTENERS:,} listeners for events", "MB", grown_kib / 1024, 100)
        _measure(server, [request("PUT", f"/v1/nodes/{NODE}", {"override_props": {"Aux/bench": "told"}})])
        arrived = listeners.wait_for(b"node-modified")
        sample = Sample(tuple(second * 1000 for second in arrived), arrived[-1])
        yield Figure(f"from an answer until all {LISTENERS:,} listeners have its event", "ms", arrived[-1] * 1000, 500,
                     sample=sample)


def _starts(simulated: Simulation) -> Iterator[Figure]:
    latencies = []
    for _ in range(STARTS):
        simulated.stop()
        started = time.perf_counter()
        simulated.start()
        latencies.append((time.perf_counter() - started) * 1000)
    sample = Sample(tuple(latencies), sum(latencies) / 1000)
    yield Figure("start of a controller with 10,000 resources to its first answer", "ms", sample.median_ms, 3000,
                 sample=sample)


def clients(root: Path) -> Iterator[Figure]:
    """POST by more and more clients, beside 10,000 definitions."""
    with simulation.running(root, "clients") as (_, server):
        _measure(server, _creates("fill", 10_000), 64)
        for connections, count, goal in ((1, 1_000, 500), (8, 4_000, 1_500), (64, 4_000, 1_500)):
            sample = _measure(server, _creates(f"by{connections}", count), connections)
            yield Figure(f"POST resource-definitions beside 10,000, {connections} client(s)", "a second",
                         sample.per_second, goal, at_least=True, sample=sample)


def _measure(server: Server, requests: list[bytes], connections: int = 1) -> Sample:
    return measure(server.address, server.pid, requests, connections)


def _name(number: int) -> str:
    return f"v{number:06}"


def _spawn(number: int) -> bytes:
    return _spawn_named(_name(number))


def _spawn_named(name: str) -> bytes:
    return request("POST", f"/v1/resource-groups/{GROUP}/spawn",
                   {"resource_definition_name": name, "volume_sizes": [64 * 1024]})


def _creates(prefix: str, count: int) -> list[bytes]:
    return [request("POST", DEFINITIONS, {"resource_definition": {"name": f"{prefix}-{number:06}"}})
            for number in range(count)]
