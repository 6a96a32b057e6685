"""Answers that the real LINSTOR gave decode without a field left over, and encode to the very same JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from linstor_core.wire import rest_bodies, rest_resources, rest_v1
from linstor_core.wire.api_call_rc import ApiCallRc

RECORDINGS = Path(__file__).parents[2].parent / "shared" / "conformance"
NAME = "[^/?]+"
DEFINITION = f"/v1/resource-definitions/{NAME}"
ANSWERS = [
    ("/v1/nodes", list[rest_v1.Node]),
    (f"/v1/nodes/{NAME}", rest_v1.Node),
    (f"/v1/nodes/{NAME}/net-interfaces", list[rest_v1.NetInterface]),
    (f"(/v1/nodes/{NAME}|/v1/view)/storage-pools", list[rest_v1.StoragePool]),
    (f"/v1/nodes/{NAME}/storage-pools/{NAME}", rest_v1.StoragePool),
    ("/v1/storage-pool-definitions", list[rest_v1.StoragePoolDefinition]),
    ("/v1/physical-storage", list[rest_v1.PhysicalStorage]),
    (f"/v1/physical-storage/{NAME}", list[rest_v1.PhysicalDevice]),
    ("/v1/resource-groups", list[rest_v1.ResourceGroup]),
    (f"/v1/resource-groups/{NAME}", rest_v1.ResourceGroup),
    (f"/v1/resource-groups/{NAME}/volume-groups", list[rest_v1.VolumeGroup]),
    (f"/v1/resource-groups/{NAME}/query-size-info", rest_v1.SizeInfo),
    (f"/v1/resource-groups/{NAME}/query-max-volume-size", rest_v1.MaxVolumeSizes),
    ("/v1/resource-definitions", list[rest_v1.ResourceDefinition]),
    (DEFINITION, rest_v1.ResourceDefinition),
    (f"{DEFINITION}/volume-definitions", list[rest_v1.VolumeDefinition]),
    (f"{DEFINITION}/volume-definitions/{NAME}", rest_v1.VolumeDefinition),
    (f"({DEFINITION}|/v1/view)/resources", list[rest_resources.Resource]),
    (f"{DEFINITION}/resources/{NAME}", rest_resources.Resource),
    (f"{DEFINITION}/resources/{NAME}/volumes", list[rest_resources.Volume]),
    (f"{DEFINITION}/resources/{NAME}/volumes/{NAME}", rest_resources.Volume),
    (f"{DEFINITION}/resource-connections", list[rest_resources.ResourceConnection]),
    (f"{DEFINITION}/sync-status", rest_resources.SyncStatus),
    (f"({DEFINITION}|/v1/view)/snapshots", list[rest_v1.Snapshot]),
    (f"{DEFINITION}/snapshots/{NAME}", rest_v1.Snapshot),
    (f"{DEFINITION}/clone", rest_v1.CloneStarted),
    (f"{DEFINITION}/clone/{NAME}", rest_v1.CloneStatus),
    ("/v1/controller/version", rest_v1.ControllerVersion),
    ("/v1/(?!.*drbd-proxy).*properties/info", dict[str, rest_v1.PropertyInfo]),
    ("/v1/key-value-store", list[rest_v1.KeyValueStore]),
    ("/v1/error-reports", list[rest_v1.ErrorReport]),
    ("/v1/encryption/passphrase", rest_v1.PassphraseStatus),
    ("/v1/stats/.*", rest_v1.Count),
]
BODIES = [
    ("POST", "/v1/nodes", rest_bodies.NodeCreate),
    ("PUT", f"/v1/nodes/{NAME}", rest_bodies.NodeModify),
    ("PUT", f"/v1/nodes/{NAME}/restore", rest_bodies.NodeRestore),
    ("PUT", f"/v1/nodes/{NAME}/evacuate", rest_bodies.NodeEvacuate),
    ("POST", f"/v1/nodes/{NAME}/storage-pools", rest_bodies.StoragePoolCreate),
    ("POST", "/v1/resource-groups", rest_bodies.ResourceGroupCreate),
    ("PUT", f"/v1/resource-groups/{NAME}", rest_bodies.ResourceGroupModify),
    ("POST", f"/v1/resource-groups/{NAME}/spawn", rest_bodies.ResourceGroupSpawn),
    ("POST", f"/v1/resource-groups/{NAME}/(adjust|query-size-info)", rest_bodies.SelectFilterBody),
    ("POST", f"/v1/resource-groups/{NAME}/volume-groups", rest_bodies.VolumeGroupCreate),
    ("PUT", f"/v1/resource-groups/{NAME}/volume-groups/{NAME}", rest_bodies.FlagsModify),
    ("POST", "/v1/resource-definitions", rest_bodies.ResourceDefinitionCreate),
    ("PUT", DEFINITION, rest_bodies.ResourceDefinitionModify),
    ("POST", f"{DEFINITION}/clone", rest_bodies.CloneRequest),
    ("POST", f"{DEFINITION}/volume-definitions", rest_bodies.VolumeDefinitionCreate),
    ("PUT", f"{DEFINITION}/volume-definitions/{NAME}", rest_bodies.VolumeDefinitionModify),
    ("POST", f"{DEFINITION}/resources/{NAME}", rest_bodies.ResourceCreate),
    ("POST", f"{DEFINITION}/resources/{NAME}/make-available", rest_bodies.MakeAvailable),
    ("POST", f"{DEFINITION}/autoplace", rest_bodies.AutoPlace),
    ("PUT", f"{DEFINITION}/resources/{NAME}/toggle-disk", rest_bodies.ToggleDisk),
    ("POST", f"{DEFINITION}/snapshots", rest_bodies.SnapshotCreate),
    ("POST", "/v1/actions/snapshot/multi", rest_bodies.MultiSnapshotCreate),
    ("POST", f"{DEFINITION}/snapshot-restore-.*", rest_bodies.SnapshotRestore),
    ("POST", f"{DEFINITION}/snapshot-rollback/{NAME}", rest_bodies.SnapshotRollback),
    ("PUT", f"/v1/key-value-store/{NAME}", rest_bodies.KeyValueStoreModify),
    ("PATCH", "/v1/error-reports", rest_bodies.ErrorReportDelete),
    ("POST", "/v1/controller/properties", rest_bodies.PropsModify),
]


def recorded_steps():
    if not RECORDINGS.is_dir():
        pytest.skip("no recordings beside the project")
    for file in sorted(RECORDINGS.glob("*/*.json")):
        for step in json.loads(file.read_text())["steps"]:
            if "m" in step and isinstance(step.get("want"), dict):
                yield file.stem, step


def type_of(path, table):
    path = path.partition("?")[0]
    return next((row[-1] for row in table if re.fullmatch(row[0], path)), None)


def test_recorded_answers_survive_both_ways():
    compared = 0
    for scenario, step in recorded_steps():
        answer = step["want"].get("json")
        kind = type_of(step["p"], ANSWERS)
        method = step["m"] == "GET" or step["p"].endswith(("/query-size-info", "/clone"))
        if kind is None or answer is None or not method or (isinstance(answer, list) and "ret_code" in str(answer[:1])):
            continue
        decoded = msgspec.convert(answer, kind)
        assert json.loads(msgspec.json.encode(decoded)) == answer, (scenario, step["p"])
        compared += 1
    assert compared > 100


def test_recorded_errors_decode():
    for _, step in recorded_steps():
        answer = step["want"].get("json")
        if isinstance(answer, list) and answer and "ret_code" in answer[0]:
            assert json.loads(msgspec.json.encode(msgspec.convert(answer, list[ApiCallRc]))) == answer


def test_bodies_that_linstor_took_are_taken():
    taken = 0
    for scenario, step in recorded_steps():
        kind = type_of(step["p"], [row[1:] for row in BODIES if row[0] == step["m"]])
        if kind is not None and "b" in step and step["want"]["status"] in (200, 201):
            body = msgspec.json.decode(json.dumps(step["b"]), type=kind)
            assert body is not None, scenario
            taken += 1
    assert taken > 60


@pytest.mark.parametrize(("body", "kind"), [
    ({"resource_definition": {"name": "a", "bogus_field": 1}}, rest_bodies.ResourceDefinitionCreate),
    ({"resource_definition": {"name": "a"}, "extra": True}, rest_bodies.ResourceDefinitionCreate),
    ({"resource_definition": {"name": "a", "props": ["a"]}}, rest_bodies.ResourceDefinitionCreate),
    ({"resource_definition": {"name": "a", "layer_stack": ["STORAGE"]}}, rest_bodies.ResourceDefinitionCreate),
    ({"override_props": {}, "nope": 1}, rest_bodies.NodeModify),
    ({"name": "n", "nope": 1}, rest_bodies.NodeCreate),
])
def test_unknown_fields_are_refused(body, kind):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(body, kind)


def test_a_newer_controllers_answer_is_still_read():
    assert msgspec.convert({"name": "n", "new": 1}, rest_v1.Node) == rest_v1.Node(name="n")
