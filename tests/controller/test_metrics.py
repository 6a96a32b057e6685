"""What /metrics says of a cluster, and that it is said in Prometheus' grammar."""

from __future__ import annotations

import asyncio
import re
from itertools import chain

from msgspec import structs

from linstor_core.controller.diagnostics import cluster_metrics, metrics
from linstor_core.controller.diagnostics.exposition import escaped
from linstor_core.controller.diagnostics.process_facts import process_facts
from linstor_core.controller.diagnostics.resource_metrics import ResourceMetrics
from linstor_core.controller.diagnostics.traffic import BOUNDS_S, Traffic
from linstor_core.domain.cluster import Cluster
from linstor_core.domain.nodes import ConnectionStatus
from linstor_core.domain.observed import NodeSeen, ResourceSeen, VolumeSeen
from linstor_core.domain.resource_definitions import ResourceDefinition, VolumeDefinition
from linstor_core.domain.resources import Resource, Volume
from linstor_core.testing.builders import Model

SAMPLE = re.compile(r'[a-zA-Z_:][\w:]*(\{\w+="(\\.|[^"\\])*"(,\w+="(\\.|[^"\\])*")*\})? -?[\d.e+-]+(Inf)?')


def resources(model: Model, count: int, node: str = "n1") -> None:
    for number in range(count):
        name = f"r{number}"
        model.put(ResourceDefinition(f"d{number}", name, "DfltRscGrp",
                                     volume_definitions=(VolumeDefinition(f"v{number}", 0, 1024),)),
                  Resource(f"u{number}", name, node, volumes=(Volume(f"w{number}", 0, "thin", f"{name}_00000", "x"),)),
                  ResourceSeen(name, node, 1, (VolumeSeen(0, "x", True, f"/dev/loop{number}", 100, 1024, False),)))


def joined(remembered: ResourceMetrics, cluster: Cluster) -> str:
    return b"".join(chain(*asyncio.run(remembered.texts(cluster)))).decode()


def text_of(cluster: Cluster) -> str:
    return "".join([*cluster_metrics.node_metrics(cluster), *cluster_metrics.pool_metrics(cluster),
                    joined(ResourceMetrics(), cluster)])


def checked(text: str) -> list[str]:
    """The samples, after the grammar was checked: each family has its head once and all samples together."""
    samples, families, current = [], set(), ""
    for line in text.splitlines():
        if line.startswith("# HELP "):
            continue
        if line.startswith("# TYPE "):
            current = line.split()[2]
            assert current not in families
            families.add(current)
        else:
            assert SAMPLE.fullmatch(line), line
            assert line.startswith(current)
            samples.append(line)
    return samples


def test_a_cluster_in_numbers() -> None:
    model = Model.with_nodes(2)
    resources(model, 1)
    samples = checked(text_of(model.cluster))
    whose = '{resource="r0",node="n1",volume="0",device_path="/dev/loop0",storage_pool="thin"}'
    pool = '{storage_pool="thin",node="n1",driver="FILE_THIN",backing_pool=""}'
    for line in ('linstor_resource_definition_count 1', 'linstor_node_state{node="n1",nodetype="SATELLITE"} 2',
                 'linstor_resource_definition_resource_count{resource_group="DfltRscGrp",name="r0"} 1',
                 'linstor_resource_state{resource="r0",node="n1",resource_group="DfltRscGrp"} 0',
                 'linstor_volume_definition_size_bytes{resource="r0",resource_group="DfltRscGrp",volume="0"} 1048576',
                 f"linstor_volume_state{whose} 2", f"linstor_volume_allocated_size_bytes{whose} 102400",
                 f"linstor_storage_pool_reserved_bytes{pool} 1048576", f"linstor_storage_pool_error_count{pool} 0",
                 f"linstor_storage_pool_capacity_total_bytes{pool} {100 << 30}"):
        assert line in samples, line


def test_what_an_offline_node_said_is_not_believed() -> None:
    model = Model.with_nodes(1)
    resources(model, 1)
    model.put(NodeSeen("n1", ConnectionStatus.OFFLINE, reconnect_attempts=3))
    text = text_of(model.cluster)
    assert 'linstor_resource_state{resource="r0",node="n1",resource_group="DfltRscGrp"} -1' in text
    assert re.search(r"linstor_volume_state\{[^}]*\} 0\n", text)
    assert "linstor_storage_pool_capacity_free_bytes{" not in text
    assert re.search(r"linstor_node_reconnect_attempt_count\{[^}]*\} 3\n", text)


def test_lines_are_made_again_only_for_what_changed() -> None:
    model = Model.with_nodes(1)
    resources(model, 1200)
    remembered = ResourceMetrics()
    first = joined(remembered, model.cluster)
    assert joined(remembered, model.cluster) == first
    seen = model.cluster.resources_seen["R7", "N1"]
    model.put(structs.replace(seen, volumes=(structs.replace(seen.volumes[0], allocated_kib=5, in_use=True),)))
    second = joined(remembered, model.cluster)
    assert second == joined(ResourceMetrics(), model.cluster)
    changed = {new for old, new in zip(first.splitlines(), second.splitlines(), strict=True) if old != new}
    assert len(changed) == 2 and all('resource="r7"' in line for line in changed)


def test_others_get_their_turn_while_many_resources_are_written() -> None:
    model = Model.with_nodes(1)
    resources(model, 1200)

    async def both() -> int:
        writing, turns = asyncio.ensure_future(ResourceMetrics().texts(model.cluster)), 0
        while not writing.done():
            await asyncio.sleep(0)
            turns += 1
        return turns

    assert asyncio.run(both()) >= 3


def test_requests_are_counted_in_a_histogram() -> None:
    traffic = Traffic()
    for seconds in (0.0005, 0.003, 0.003, 100.0):
        traffic.add("GET", "/v1/nodes", 200, seconds)
    traffic.add("POST", "/v1/nodes", 201, BOUNDS_S[0])
    samples = checked("".join(metrics.request_metrics(traffic)))
    name, own = "linstor_restapi_request_duration_seconds", 'method="GET",path="/v1/nodes",code="200"'
    for line in (f'{name}_bucket{{{own},le="0.001"}} 1', f'{name}_bucket{{{own},le="0.005"}} 3',
                 f'{name}_bucket{{{own},le="60.0"}} 3', f'{name}_bucket{{{own},le="+Inf"}} 4',
                 f"{name}_count{{{own}}} 4", f"{name}_sum{{{own}}} 100.006500"):
        assert line in samples, line
    assert not [line for line in samples if line.startswith("linstor_apicall") and 'method="GET"' in line]


def test_names_cannot_break_out_of_their_quotes() -> None:
    assert escaped('a"b\\c\nd') == 'a\\"b\\\\c\\nd'


def test_the_process_is_measured() -> None:
    facts = process_facts()
    assert facts.cpu_s > 0 and facts.resident_bytes > 1 << 20 and facts.open_files >= 3
    assert facts.start_s > 1_500_000_000 and facts.max_files >= facts.open_files
    checked("".join(metrics.process_metrics()))
