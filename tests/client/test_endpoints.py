"""Every method of the client goes to an endpoint that the controller has, and is tried here."""

from __future__ import annotations

import inspect
import re
from typing import get_type_hints

import msgspec
import pytest

from linstor_core.client.calls import Calls
from linstor_core.client.client import LinstorClient
from linstor_core.client.transport import Reply
from linstor_core.controller.routes import ROUTES
from linstor_core.wire import rest_bodies as bodies
from tests.client.other_endpoints import AWAITED, OTHER_CALLS

REQUIRED = {"CloneStatus": {"status": "COMPLETE"}, "PassphraseStatus": {"status": "unset"},
            "SyncStatus": {"synced_on_all": True}, "int": {"count": 1}, "AuthTokens": {"count": 0},
            "ExternalFileCheck": {"allowed": True},
            "JoinAnswer": dict.fromkeys(("node_name", "node_uuid", "cluster_id", "certificate", "authorities"), ""),
            "ExternalFileStatus": {"allowed": True, "wanted": True, "deployed": True},
            "Explanation": {"wanted": 1, "size_kib": 0, "feasible": True, "summary": "", "pools": []},
            "ControllerConfig": {
                "config": {"dir": ""}, "debug": {"console_enabled": False}, "db": {"connection_url": ""},
                "log": {"print_stack_trace": False, "level": "", "level_linstor": "", "rest_access_mode": ""},
                "http": {"enabled": True}, "https": {"enabled": False}, "ldap": {"enabled": False}}}
RD, RG, NODES = "/v1/resource-definitions", "/v1/resource-groups", "/v1/nodes"
# Controllers call each other below /v1/internal.
FOR_BROWSERS = {"GET /", "GET /docs", "GET /ui"}
PROPS = bodies.PropsModify(override_props={"Aux/a": "1"})
CALLS = [
    ("nodes", (), f"GET {NODES}"), ("node", ("n",), f"GET {NODES}/n"),
    ("create_node", (bodies.NodeCreate(name="n"),), f"POST {NODES}"),
    ("modify_node", ("n", bodies.NodeModify()), f"PUT {NODES}/n"), ("delete_node", ("n",), f"DELETE {NODES}/n"),
    ("lose_node", ("n",), f"DELETE {NODES}/n/lost"), ("reconnect_node", ("n",), f"PUT {NODES}/n/reconnect"),
    ("evacuate_node", ("n",), f"PUT {NODES}/n/evacuate"), ("restore_node", ("n",), f"PUT {NODES}/n/restore"),
    ("net_interfaces", ("n",), f"GET {NODES}/n/net-interfaces"),
    ("create_net_interface", ("n", bodies.NetInterfaceBody(name="i")), f"POST {NODES}/n/net-interfaces"),
    ("modify_net_interface", ("n", "i", bodies.NetInterfaceBody(name="i")), f"PUT {NODES}/n/net-interfaces/i"),
    ("delete_net_interface", ("n", "i"), f"DELETE {NODES}/n/net-interfaces/i"),
    ("storage_pools", (["n"], ["p"], [], True),
     "GET /v1/view/storage-pools?nodes=n&storage_pools=p&cached=True"),
    ("storage_pool", ("n", "p"), f"GET {NODES}/n/storage-pools/p"),
    ("create_storage_pool", ("n", bodies.StoragePoolCreate()), f"POST {NODES}/n/storage-pools"),
    ("modify_storage_pool", ("n", "p", PROPS), f"PUT {NODES}/n/storage-pools/p"),
    ("delete_storage_pool", ("n", "p"), f"DELETE {NODES}/n/storage-pools/p"),
    ("storage_pool_definitions", (), "GET /v1/storage-pool-definitions"),
    ("physical_storage", (), "GET /v1/physical-storage"), ("physical_devices", ("n",), "GET /v1/physical-storage/n"),
    ("resource_groups", ((), ["Aux/a=1"]), f"GET {RG}?props=Aux%2Fa%3D1"), ("resource_group", ("g",), f"GET {RG}/g"),
    ("create_resource_group", (bodies.ResourceGroupCreate(),), f"POST {RG}"),
    ("modify_resource_group", ("g", bodies.ResourceGroupModify()), f"PUT {RG}/g"),
    ("delete_resource_group", ("g",), f"DELETE {RG}/g"),
    ("spawn", ("g", bodies.ResourceGroupSpawn()), f"POST {RG}/g/spawn"), ("adjust", ("g",), f"POST {RG}/g/adjust"),
    ("adjust_all", (), f"POST {RG}/adjustall"), ("max_volume_sizes", ("g",), f"GET {RG}/g/query-max-volume-size"),
    ("size_info", ("g",), f"POST {RG}/g/query-size-info"),
    ("all_size_info", (), "POST /v1/queries/resource-groups/query-all-size-info"),
    ("volume_groups", ("g",), f"GET {RG}/g/volume-groups"), ("volume_group", ("g", 0), f"GET {RG}/g/volume-groups/0"),
    ("create_volume_group", ("g",), f"POST {RG}/g/volume-groups"),
    ("modify_volume_group", ("g", 0, bodies.FlagsModify()), f"PUT {RG}/g/volume-groups/0"),
    ("delete_volume_group", ("g", 0), f"DELETE {RG}/g/volume-groups/0"),
    ("resource_definitions", (["r"],), f"GET {RD}?resource_definitions=r"),
    ("resource_definition", ("r",), f"GET {RD}/r"),
    ("create_resource_definition", (bodies.ResourceDefinitionCreate(),), f"POST {RD}"),
    ("modify_resource_definition", ("r", bodies.ResourceDefinitionModify()), f"PUT {RD}/r"),
    ("delete_resource_definition", ("r",), f"DELETE {RD}/r"), ("sync_status", ("r",), f"GET {RD}/r/sync-status"),
    ("clone", ("r", bodies.CloneRequest(name="c")), f"POST {RD}/r/clone"),
    ("clone_status", ("r", "c"), f"GET {RD}/r/clone/c"),
    ("volume_definitions", ("r",), f"GET {RD}/r/volume-definitions"),
    ("volume_definition", ("r", 0), f"GET {RD}/r/volume-definitions/0"),
    ("create_volume_definition", ("r", bodies.VolumeDefinitionCreate()), f"POST {RD}/r/volume-definitions"),
    ("modify_volume_definition", ("r", 0, bodies.VolumeDefinitionModify()), f"PUT {RD}/r/volume-definitions/0"),
    ("delete_volume_definition", ("r", 0), f"DELETE {RD}/r/volume-definitions/0"),
    ("resources", ((), ["n"]), "GET /v1/view/resources?nodes=n"), ("resource", ("r", "n"), f"GET {RD}/r/resources/n"),
    ("create_resources", ("r", [bodies.ResourceCreate()]), f"POST {RD}/r/resources"),
    ("create_resource", ("r", "n"), f"POST {RD}/r/resources/n"),
    ("modify_resource", ("r", "n", PROPS), f"PUT {RD}/r/resources/n"),
    ("delete_resource", ("r", "n"), f"DELETE {RD}/r/resources/n"), ("auto_place", ("r",), f"POST {RD}/r/autoplace"),
    ("make_available", ("r", "n"), f"POST {RD}/r/resources/n/make-available"),
    ("activate", ("r", "n"), f"POST {RD}/r/resources/n/activate"),
    ("deactivate", ("r", "n"), f"POST {RD}/r/resources/n/deactivate"),
    ("make_diskful", ("r", "n", "p"), f"PUT {RD}/r/resources/n/toggle-disk/diskful/p"),
    ("make_diskless", ("r", "n"), f"PUT {RD}/r/resources/n/toggle-disk/diskless"),
    ("migrate_disk", ("r", "n", "m"), f"PUT {RD}/r/resources/n/migrate-disk/m"),
    ("volumes", ("r", "n"), f"GET {RD}/r/resources/n/volumes"),
    ("volume", ("r", "n", 0), f"GET {RD}/r/resources/n/volumes/0"),
    ("modify_volume", ("r", "n", 0, PROPS), f"PUT {RD}/r/resources/n/volumes/0"),
    ("snapshots", (["r"],), "GET /v1/view/snapshots?resources=r"), ("snapshot", ("r", "s"), f"GET {RD}/r/snapshots/s"),
    ("create_snapshot", ("r", bodies.SnapshotCreate(name="s")), f"POST {RD}/r/snapshots"),
    ("create_snapshots", ([bodies.SnapshotCreate(name="s")],), "POST /v1/actions/snapshot/multi"),
    ("modify_snapshot", ("r", "s", PROPS), f"PUT {RD}/r/snapshots/s"),
    ("delete_snapshot", ("r", "s", ["n"]), f"DELETE {RD}/r/snapshots/s?nodes=n"),
    ("roll_back", ("r", "s"), f"POST {RD}/r/snapshot-rollback/s"),
    ("restore_volume_definitions", ("r", "s", "t"), f"POST {RD}/r/snapshot-restore-volume-definition/s"),
    ("restore_resource", ("r", "s", bodies.SnapshotRestore(to_resource="t")),
     f"POST {RD}/r/snapshot-restore-resource/s"),
    ("controller_version", (), "GET /v1/controller/version"),
    ("controller_properties", (), "GET /v1/controller/properties"),
    ("modify_controller", (PROPS,), "POST /v1/controller/properties"),
    ("property_info", (), "GET /v1/controller/properties/info"), ("key_value_stores", (), "GET /v1/key-value-store"),
    ("key_value_store", ("k",), "GET /v1/key-value-store/k"),
    ("modify_key_value_store", ("k", bodies.KeyValueStoreModify()), "PUT /v1/key-value-store/k"),
    ("delete_key_value_store", ("k",), "DELETE /v1/key-value-store/k"),
    ("passphrase_status", (), "GET /v1/encryption/passphrase"),
    ("create_passphrase", ("p",), "POST /v1/encryption/passphrase"),
    ("change_passphrase", ("p", "q"), "PUT /v1/encryption/passphrase"),
    ("enter_passphrase", ("p",), "PATCH /v1/encryption/passphrase"),
    ("error_reports", (["n"], 5), "GET /v1/error-reports?node=n&since=5"),
    ("error_report", ("A-B-0",), "GET /v1/error-reports/A-B-0"),
    ("delete_error_reports", (bodies.ErrorReportDelete(),), "PATCH /v1/error-reports"),
    *OTHER_CALLS,
]


class Answering:
    """Answers anything with the smallest document that fits the method's return type."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.call = ""

    def request(self, method: str, path: str, body: bytes | None = None) -> Reply:
        self.call = f"{method} {path}"
        return Reply(200, self.content, {})


def smallest(method):
    shown = str(inspect.signature(getattr(LinstorClient, method)).return_annotation)
    if shown.startswith(("list", "Entries")) or shown == "KeyValueStore":
        return b"[]"
    kind = get_type_hints(getattr(LinstorClient, method))["return"]
    needed = REQUIRED.get(getattr(kind, "__name__", ""), {})
    return msgspec.json.encode(needed)


def known(call: str) -> bool:
    method, _, path = call.partition("?")[0].partition(" ")
    return any(route.method == method and matches(route, path) for route in ROUTES)


def matches(route, path: str) -> bool:
    pattern = re.sub(r"<(?:path|anything):\w+>", ".+", route.path)
    return re.fullmatch(re.sub(r"<\w+>", "[^/]+", pattern), path) is not None


@pytest.mark.parametrize(("method", "arguments", "call"), CALLS, ids=[row[0] for row in CALLS])
def test_a_method_has_its_endpoint(method, arguments, call):
    transport = Answering(smallest(method))
    getattr(LinstorClient(transport=transport), method)(*arguments)
    assert transport.call == call
    assert known(call) or call in AWAITED, f"the controller has no {call}"


def test_every_route_has_a_method():
    called = [call.partition("?")[0].split(" ", 1) for _, _, call in CALLS]
    missing = {f"{route.method} {route.path}" for route in ROUTES
               if not any(method == route.method and matches(route, path) for method, path in called)}
    assert {route for route in missing if "/v1/internal/" not in route} == FOR_BROWSERS


def test_every_method_is_in_the_table():
    public = {name for name, _ in inspect.getmembers(LinstorClient, inspect.isfunction) if not name.startswith("_")}
    assert public - {name for name, _, _ in CALLS} == set()
    assert issubclass(LinstorClient, Calls)
