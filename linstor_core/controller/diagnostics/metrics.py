"""GET /metrics: the cluster, the requests and the process in Prometheus' text."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import accumulate, chain
from typing import Any

from linstor_core import __version__
from linstor_core.controller.call import Call, Content
from linstor_core.controller.diagnostics import cluster_metrics
from linstor_core.controller.diagnostics.error_reports import CONTROLLER
from linstor_core.controller.diagnostics.exposition import MEDIA_TYPE, Exposition, counter, family, gauge, labels
from linstor_core.controller.diagnostics.instruments import Services
from linstor_core.controller.diagnostics.process_facts import process_facts
from linstor_core.controller.diagnostics.traffic import BOUNDS_S, Traffic
from linstor_core.controller.queries.controller import COMPATIBLE_WITH
from linstor_core.controller.route import Route


async def scrape(services: Services, call: Call[Any]) -> object:
    start = time.perf_counter()
    cluster, instruments = services.controller.cluster, services.instruments
    version = labels({"gitid": f"linstor-python-{__version__}", "version": COMPATIBLE_WITH})
    few = [family("linstor_info", "gauge", "Version of the controller", (f"linstor_info{version} 1\n",)),
           *cluster_metrics.node_metrics(cluster), *cluster_metrics.job_metrics(cluster)]
    if call.flag("storage_pools", True):
        few += cluster_metrics.pool_metrics(cluster)
    if call.flag("error_reports", True):
        whose = labels({"module": "CONTROLLER", "hostname": CONTROLLER})
        few.append(family("linstor_error_reports_count", "gauge", "Stored error reports",
                          (f"linstor_error_reports_count{whose} {instruments.error_reports.count}\n",)))
    definitions, resources = await instruments.resource_metrics.texts(cluster)
    instruments.traffic.scrapes += 1
    few += (*request_metrics(instruments.traffic), *process_metrics(),
            counter("linstor_scrape_requests_count", "Scrapes since the start", instruments.traffic.scrapes),
            gauge("linstor_scrape_duration_seconds", "What this scrape took", time.perf_counter() - start))
    shown = resources if call.flag("resource", True) else []
    return Content(chain(definitions, shown, ("".join(few).encode(),)), MEDIA_TYPE)


def request_metrics(traffic: Traffic) -> Iterator[str]:
    """LINSTOR tells calls of its own protocol from requests; here every call comes by REST, and a change is a call."""
    yield _durations("linstor_apicall_duration_seconds", "Requests that change something", traffic, writes_only=True)
    yield _durations("linstor_restapi_request_duration_seconds", "Requests to the REST API", traffic)


def _durations(name: str, meaning: str, traffic: Traffic, *, writes_only: bool = False) -> str:
    samples = []
    for (method, path, status), durations in sorted(traffic.requests.items()):
        if writes_only and method in ("GET", "HEAD"):
            continue
        own = labels({"method": method, "path": path, "code": status})
        inner = own[1:-1]
        running = list(accumulate(durations.counts))
        samples += [f'{name}_bucket{{{inner},le="{bound}"}} {count}\n'
                    for bound, count in zip((*BOUNDS_S, "+Inf"), running, strict=True)]
        samples.append(f"{name}_sum{own} {durations.sum_s:.6f}\n")
        samples.append(f"{name}_count{own} {running[-1]}\n")
    return family(name, "histogram", meaning, samples)


def process_metrics() -> Iterator[str]:
    facts = process_facts()
    yield counter("process_cpu_seconds_total", "Processor time spent", facts.cpu_s)
    yield gauge("process_start_time_seconds", "Start of the process, seconds since 1970", facts.start_s)
    yield gauge("process_resident_memory_bytes", "Memory in use", facts.resident_bytes)
    yield gauge("process_virtual_memory_bytes", "Address space", facts.virtual_bytes)
    yield gauge("process_open_fds", "Open files and sockets", facts.open_files)
    yield gauge("process_max_fds", "Files and sockets that may be open", facts.max_files)


ROUTES = (
    Route("GET", "/metrics", "Metrics for Prometheus; leave parts out with resource, storage_pools or "
          "error_reports=false", service=scrape, answer=Exposition,
          media_types=("text/plain", MEDIA_TYPE, "application/openmetrics-text")),
)
