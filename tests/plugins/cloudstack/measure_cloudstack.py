"""`python -m tests.plugins.cloudstack.measure_cloudstack`: the time of each call, and of a report over 1,000 volumes.

CloudStack is the model over HTTP on this machine, LINSTOR the controller in a process of its own with a simulated node:
a real CloudStack needs longer for its part, and shows it with --times.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from linstor_cloudstack.cloudstack_api import CloudStackApi
from linstor_cloudstack.inventory import read_linstor
from linstor_cloudstack.maintenance import Maintenance, what_if
from linstor_cloudstack.registration import Registration, WantedStorage
from linstor_cloudstack.repair import Reconciler
from linstor_cloudstack.settings import Settings

from linstor_core.client.client import LinstorClient
from linstor_core.client.volumes import VolumeService
from linstor_core.wire import rest_bodies as bodies
from tests.plugins.cloudstack.cloudstack_server import KEY, SECRET, CloudStackModel, serving
from tools.bench import simulation

COUNT = 1000
ROUNDS = 5
SIZE_KIB = 1024


def median_ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(times)


def fill(model: CloudStackModel, client: LinstorClient, group: str) -> None:
    storage = model.storages[0]["id"]
    for number in range(COUNT):
        name = str(uuid.uuid4())
        client.spawn(group, bodies.ResourceGroupSpawn(resource_definition_name="cs-" + name, volume_sizes=(SIZE_KIB,)))
        model.volumes.append({"id": name, "name": f"ROOT-{number}", "state": "Ready", "path": name,
                              "size": SIZE_KIB * 1024, "storageid": storage})


def main() -> None:
    out = sys.stdout.write
    model, calls = CloudStackModel(), dict[str, list[float]]()
    with tempfile.TemporaryDirectory() as place, simulation.running(Path(place), "cloudstack") as (_, server), \
            serving(model) as cloudstack:
        client = LinstorClient(f"http://{server.address}")
        node, group = client.nodes()[0].name, next(
            found.name for found in client.resource_groups() if found.name != "DfltRscGrp")
        model.hosts.append({"id": "h", "name": node, "hypervisor": "KVM", "zoneid": "zone-1",
                            "resourcestate": "Enabled"})
        service = VolumeService(client)
        api = CloudStackApi(Settings(cloudstack.endpoint, KEY, SECRET, poll_s=0.01),
                            lambda command, seconds: calls.setdefault(command, []).append(seconds * 1000))
        url = f"http://{server.address}"
        wanted = WantedStorage("fast", "zone-1", url, group, tags=("fast",))
        Registration(api, service).register(wanted)
        again = median_ms(lambda: Registration(api, service).register(wanted))
        fill(model, client, group)
        reconciler = Reconciler(api, service, {url})
        out(f"storage register, again: {again:.1f} ms\n")
        out(f"report over {COUNT} volumes that agree: {median_ms(reconciler.report):.0f} ms\n")
        for volume in model.volumes[::2]:
            volume["size"] += 1024 * 1024
        out(f"report over {COUNT} volumes, {len(reconciler.report().found)} findings: "
            f"{median_ms(reconciler.report):.0f} ms\n")
        out(f"host what-if, {COUNT} volumes: {median_ms(lambda: what_if(read_linstor(client), node)):.0f} ms\n")
        maintenance = Maintenance(api, client)
        maintenance.drain(node, [volume.name for volume in service.list()])
        maintenance.enable_host(node)
    for command, times in sorted(calls.items()):
        out(f"{command}: {statistics.median(times):.1f} ms ({len(times)} calls)\n")


if __name__ == "__main__":
    main()
