"""What is measured, in which order, and what it is compared with."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tools import processes
from tools.bench import fleet, playground, sizes
from tools.bench.figure import Figure
from tools.bench.playground import Server
from tools.bench.sample import Sample, measure
from tools.bench.wire_client import request
from tools.dev.first_volume import GROUP

SIZE_KIB = 64 * 1024
MANY = 450
STARTS = 5


def starts(root: Path) -> Iterator[Figure]:
    latencies = []
    for number in range(STARTS):
        started = time.perf_counter()
        with playground.server(root, f"start{number}"):
            latencies.append((time.perf_counter() - started) * 1000)
    sample = Sample(tuple(latencies), sum(latencies) / 1000)
    yield Figure("start to the first REST answer", "ms", sample.median_ms, 1000,
                 "controller 5,700 ms, satellite 3,700 ms", sample=sample)
    with playground.server(root, "idle") as running:
        playground.prepare_pool(running)
        time.sleep(2)
        memory = processes.resident_kib(running.pid) / 1024
        yield Figure("resident memory, idle, controller and satellite", "MB", memory, 100, "360 + 214 MB")
        sample = _measure(running, [request("GET", "/v1/controller/version")] * 2000)
        yield Figure("version", "ms", sample.median_ms, 1, "2.5 ms", sample=sample)


def volumes(root: Path) -> Iterator[Figure]:
    with playground.server(root, "volumes") as running:
        playground.prepare_pool(running)
        sample = _measure(running, _spawns("a", 50))
        yield Figure("spawn of a FILE_THIN volume, one after the other", "ms", sample.median_ms, 15,
                     "186 ms, 66 ms of CPU", sample=sample)
        sample = _measure(running, [request("GET", "/v1/view/resources")] * 300)
        yield Figure("view/resources with 50 deployed", "ms", sample.median_ms, 3, "180 ms", sample=sample)
        sample = _measure(running, [_snapshot(f"a{number:04}") for number in range(50)])
        yield Figure("snapshot", "ms", sample.median_ms, 20, "852 ms", sample=sample)
        sample = _measure(running, _spawns("b", 200), connections=8)
        yield Figure("spawn by 8 threads", "a second", sample.per_second, 100, "7.3 a second", True, sample)
        sample = _measure(running, [_delete(f"b{number:04}") for number in range(100)])
        yield Figure("delete of a deployed volume", "ms", sample.median_ms, 20, "471 ms", sample=sample)
        _measure(running, _spawns("c", MANY - 150), connections=8)
        sample = _measure(running, _spawns("d", 50))
        yield Figure(f"spawn with {MANY} loop devices there", "ms", sample.median_ms, 15, "about 1,000 ms",
                     sample=sample)


def definitions(root: Path) -> Iterator[Figure]:
    references = {100: "375 a second", 2000: "134 a second", 10000: "about 22 a second"}
    with playground.server(root, "definitions") as running:
        there = 0
        for level, reference in references.items():
            fill = _creates(there, level - there)
            sample = _measure(running, fill, connections=8)
            if level == 10000:
                yield Figure("resource definition create by 8 threads", "a second", sample.per_second, 1500, "", True,
                             sample)
            sample = _measure(running, _creates(level, 300))
            there = level + 300
            yield Figure(f"resource definition create, one after the other, at {level:,}", "a second",
                         sample.per_second, 500, reference, True, sample)


Group = Callable[[Path], Iterator[Figure]]
SECTIONS: dict[str, dict[str, Group]] = {
    "One node": {"starts": starts, "volumes": volumes, "definitions": definitions},
    "REST at size": {"sizes": sizes.sizes, "clients": sizes.clients},
    "Many nodes": {"satellite": fleet.one_satellite, "satellites": fleet.satellites},
}


def _measure(running: Server, requests: list[bytes], connections: int = 1) -> Sample:
    return measure(running.address, running.pid, requests, connections)


def _spawns(prefix: str, count: int) -> list[bytes]:
    return [request("POST", f"/v1/resource-groups/{GROUP}/spawn",
                    {"resource_definition_name": f"{prefix}{number:04}", "volume_sizes": [SIZE_KIB]})
            for number in range(count)]


def _snapshot(name: str) -> bytes:
    return request("POST", f"/v1/resource-definitions/{name}/snapshots", {"name": "snap1"})


def _delete(name: str) -> bytes:
    return request("DELETE", f"/v1/resource-definitions/{name}")


def _creates(first: int, count: int) -> list[bytes]:
    return [request("POST", "/v1/resource-definitions", {"resource_definition": {"name": f"rd{number:06}"}})
            for number in range(first, first + count)]
