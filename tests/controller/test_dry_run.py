"""`?dry_run=true`: the exact change and the satellite's own steps, and nothing of it done."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Service
from tools.rest import RestConnection, RestRefused

SPAWN = {"resource_definition_name": "vol", "volume_sizes": [8192]}


@pytest.fixture
def rest(cluster: Service) -> Any:
    host, _, port = cluster.satellite.rpartition(":")
    with RestConnection(cluster.address) as connection:
        connection.post("/v1/nodes", {"name": cluster.node_name, "type": "SATELLITE", "net_interfaces": [
            {"name": "default", "address": host, "satellite_port": int(port), "satellite_encryption_type": "PLAIN"}]})
        connection.post(f"/v1/nodes/{cluster.node_name}/storage-pools", {
            "storage_pool_name": "thin", "provider_kind": "FILE_THIN",
            "props": {"StorDriver/FileDir": str(cluster.pool_dir)}})
        connection.post("/v1/resource-groups", {"name": "grp", "select_filter": {
            "place_count": 1, "storage_pool": "thin", "layer_stack": ["STORAGE"]}})
        connection.post("/v1/resource-groups/grp/volume-groups", {})
        yield connection


def test_a_planned_spawn_tells_everything_and_does_nothing(rest: RestConnection, cluster: Service) -> None:
    plan = rest.post("/v1/resource-groups/grp/spawn?dry_run=true", SPAWN)
    assert [(item["kind"], item["action"]) for item in plan["objects"]] == [
        ("resource_definition", "create"), ("resource", "create")]
    (work,) = plan["work"]
    assert work["node_name"] == cluster.node_name
    assert [step.split()[0] for step in work["steps"]] == ["create", "put", "attach"]
    (redundancy,) = plan["redundancy"]
    assert (redundancy["replicas_before"], redundancy["replicas_after"]) == (0, 1)
    assert rest.get("/v1/resource-definitions") == []
    assert not list(cluster.pool_dir.iterdir())


def test_a_planned_delete_keeps_the_volume(rest: RestConnection, cluster: Service) -> None:
    rest.post("/v1/resource-groups/grp/spawn", SPAWN)
    plan = rest.call("DELETE", "/v1/resource-definitions/vol?dry_run=true")
    (work,) = plan["work"]
    assert [step.split()[0] for step in work["steps"]] == ["take", "detach", "remove"]
    assert plan["redundancy"][0]["replicas_after"] == 0
    (found,) = rest.get("/v1/resource-definitions")
    assert "DELETE" not in found.get("flags", ())
    assert [path.name for path in cluster.pool_dir.iterdir()] == ["vol_00000.img"]


def test_a_plan_tells_what_stands_against_it(rest: RestConnection, cluster: Service) -> None:
    (cluster.pool_dir / "vol_00000.img").write_bytes(b"somebody else's")
    plan = rest.post("/v1/resource-groups/grp/spawn?dry_run=true", SPAWN)
    (work,) = plan["work"]
    assert "vol_00000.img" in work["obstacles"][0]
    assert not work.get("steps")


def test_a_plan_that_would_be_refused_has_the_verdict_on_every_pool(rest: RestConnection) -> None:
    with pytest.raises(RestRefused) as refused:
        rest.post("/v1/resource-groups/grp/spawn?dry_run=true", {**SPAWN, "select_filter": {"place_count": 3}})
    assert "thin" in refused.value.entries["entries"][0]["details"]


def test_secrets_are_not_shown(rest: RestConnection) -> None:
    plan = rest.post("/v1/resource-definitions?dry_run=true",
                     {"resource_definition": {"name": "rep", "layer_data": [{"type": "DRBD"}, {"type": "STORAGE"}]}})
    assert "secret" not in str(plan["objects"])
