"""Timing: many requests over one or several connections, and what they cost the server."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Sequence

from msgspec import Struct

from tools import processes
from tools.bench.wire_client import WireClient

LONGEST_S = 90.0
"""No figure takes longer: what was measured until then counts."""


class Sample(Struct, frozen=True):
    """`latencies_ms` of all requests; CPU and memory are the server's, None where they were not looked at."""

    latencies_ms: tuple[float, ...]
    elapsed_s: float
    cpu_s: float | None = None
    grown_kib: int | None = None

    @property
    def count(self) -> int:
        return len(self.latencies_ms)

    @property
    def median_ms(self) -> float:
        return statistics.median(self.latencies_ms)

    @property
    def p95_ms(self) -> float:
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)]

    @property
    def per_second(self) -> float:
        return self.count / self.elapsed_s

    @property
    def cpu_ms_each(self) -> float | None:
        return None if self.cpu_s is None else self.cpu_s * 1000 / self.count


def measure(address: str, pid: int, requests: Sequence[bytes], connections: int = 1) -> Sample:
    """Send the requests, dealt out to so many connections, each one after the other. Raises BadAnswer."""
    workers = [_Worker(address, requests[number::connections]) for number in range(connections)]
    cpu, memory = processes.cpu_seconds(pid), processes.resident_kib(pid)
    started = time.perf_counter()
    if connections == 1:
        workers[0].run()
    else:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    elapsed = time.perf_counter() - started
    for worker in workers:
        if worker.fault is not None:
            raise worker.fault
    return Sample(tuple(latency for worker in workers for latency in worker.latencies_ms), elapsed,
                  processes.cpu_seconds(pid) - cpu, processes.resident_kib(pid) - memory)


class _Worker(threading.Thread):
    """One connection and its share of the requests."""

    def __init__(self, address: str, requests: Sequence[bytes]) -> None:
        super().__init__(daemon=True)
        self._client = WireClient(address)
        self._requests = requests
        self.latencies_ms: list[float] = []
        self.fault: Exception | None = None

    def run(self) -> None:
        deadline = time.perf_counter() + LONGEST_S
        try:
            for data in self._requests:
                started = time.perf_counter()
                if started > deadline:
                    return
                self._client.call(data)
                self.latencies_ms.append((time.perf_counter() - started) * 1000)
        except Exception as fault:  # Raised again in the thread that measures.
            self.fault = fault
        finally:
            self._client.close()
