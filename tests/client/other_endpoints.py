"""The rows of `test_endpoints` about what is around nodes, definitions and resources."""

from __future__ import annotations

from linstor_core.wire import rest_bodies as bodies
from linstor_core.wire import rest_diagnostics as diagnostics
from linstor_core.wire import rest_remotes as remotes
from linstor_core.wire.joining import JoinRequest
from linstor_core.wire.rest_backups import ScheduleBody
from linstor_core.wire.rest_files import ExternalFileBody
from linstor_core.wire.rest_on_nodes import PhysicalStorageCreate, ReactorCommand
from linstor_core.wire.rest_schedules import ScheduleEnable, ScheduleScope
from linstor_core.wire.rest_tombstones import OrphanAdopt, OrphanRemove

RD, RG, NODES, POOLS, REMOTES = ("/v1/resource-definitions", "/v1/resource-groups", "/v1/nodes",
                                 "/v1/storage-pool-definitions", "/v1/remotes")
TOKENS = "/v1/controller/auth/token"
PROPS = bodies.PropsModify(override_props={"Aux/a": "1"})
BACKUP = remotes.BackupRequest(rsc_name="r")

_NOUNS = [
    ("net_interface", ("n", "i"), f"GET {NODES}/n/net-interfaces/i"),
    ("node_storage_pools", ("n",), f"GET {NODES}/n/storage-pools"),
    ("node_config", ("n",), f"GET {NODES}/n/config"),
    ("modify_node_config", ("n", diagnostics.ControllerConfigModify()), f"PUT {NODES}/n/config"),
    ("storage_pool_definition", ("p",), f"GET {POOLS}/p"),
    ("create_storage_pool_definition", (bodies.StoragePoolDefinitionCreate(),), f"POST {POOLS}"),
    ("modify_storage_pool_definition", ("p", PROPS), f"PUT {POOLS}/p"),
    ("delete_storage_pool_definition", ("p",), f"DELETE {POOLS}/p"),
    ("explain_group", ("g", 1024, 2), f"GET {RG}/g/explain?size_kib=1024&place_count=2"),
    ("explain_definition", ("r",), f"GET {RD}/r/explain"),
    ("change_volume_passphrase", ("r", 0, "p"), f"PUT {RD}/r/volume-definitions/0/encryption-passphrase"),
    ("resources_of", ("r",), f"GET {RD}/r/resources"), ("snapshots_of", ("r",), f"GET {RD}/r/snapshots"),
    ("toggle_disk", ("r", "n", bodies.ToggleDisk("INTO_DRBD_DISKFUL")), f"PUT {RD}/r/resources/n/toggle-disk"),
    ("make_diskful", ("r", "n"), f"PUT {RD}/r/resources/n/toggle-disk/diskful"),
    ("make_diskless", ("r", "n", "p"), f"PUT {RD}/r/resources/n/toggle-disk/diskless/p"),
    ("migrate_disk", ("r", "n", "m", "p"), f"PUT {RD}/r/resources/n/migrate-disk/m/p"),
    ("node_connections", ("a", "b"), "GET /v1/node-connections?node_a=a&node_b=b"),
    ("modify_node_connection", ("a", "b", PROPS), "PUT /v1/node-connections/a/b"),
    ("resource_connections", ("r",), f"GET {RD}/r/resource-connections"),
    ("resource_connection", ("r", "a", "b"), f"GET {RD}/r/resource-connections/a/b"),
    ("migration_window", ("r", "a", "b"), f"GET {RD}/r/resource-connections/a/b/migration-window"),
    ("open_migration_window", ("r", "a", "b", 60.0), f"PUT {RD}/r/resource-connections/a/b/migration-window"),
    ("close_migration_window", ("r", "a", "b"), f"DELETE {RD}/r/resource-connections/a/b/migration-window"),
    ("rename_resource_definition", ("r", "s"), f"POST {RD}/r/rename"),
    ("modify_resource_connection", ("r", "a", "b", PROPS), f"PUT {RD}/r/resource-connections/a/b"),
    ("enable_drbd_proxy", ("r", "a", "b"), f"POST {RD}/r/drbd-proxy/enable/a/b"),
    ("disable_drbd_proxy", ("r", "a", "b"), f"POST {RD}/r/drbd-proxy/disable/a/b"),
    ("modify_drbd_proxy", ("r", bodies.DrbdProxyModify()), f"PUT {RD}/r/drbd-proxy"),
    ("drbd_proxy_properties", ("r",), f"GET {RD}/r/drbd-proxy/properties/info"),
]

_WINDOW = f"{RD}/r/resource-connections/a/b/migration-window"
_OURS = [
    ("rename_resource_definition", ("r", "s"), f"POST {RD}/r/rename"),
    ("migration_window", ("r", "a", "b"), f"GET {_WINDOW}"),
    ("open_migration_window", ("r", "a", "b", 60.0), f"PUT {_WINDOW}"),
    ("close_migration_window", ("r", "a", "b"), f"DELETE {_WINDOW}"),
]
_JOIN = JoinRequest(invitation="i", node_name="n", address="192.0.2.1", port=3367, request="", proof="")
_CERTIFICATES = [
    ("invite_node", (), f"POST {NODES}/invitations"), ("invitations", (), f"GET {NODES}/invitations"),
    ("revoke_invitation", ("i",), f"DELETE {NODES}/invitations/i"), ("join", (_JOIN,), f"POST {NODES}/join"),
    ("certificates", (), "GET /v1/certificates"),
]
_JOBS = [
    ("jobs", (["RUNNING"], ["MOVE"], ["n"], ["r"]), "GET /v1/jobs?states=RUNNING&kinds=MOVE&nodes=n&resources=r"),
    ("job", ("u",), "GET /v1/jobs/u"), ("cancel_job", ("u",), "POST /v1/jobs/u/cancel"),
    ("delete_job", ("u",), "DELETE /v1/jobs/u"),
    ("move_resource", ("r", "n", "m", "p"), f"POST {RD}/r/resources/n/move"),
]
AWAITED = {call for _, _, call in _OURS}
"""Callers treat the 404 of a controller without these as an answer; until this one has them, so do the tests."""

_LEFT_BEHIND = [
    ("tombstones", (["n"], ["r"]), "GET /v1/tombstones?nodes=n&resources=r"),
    ("tombstone", ("u",), "GET /v1/tombstones/u"), ("delete_tombstone", ("u",), "DELETE /v1/tombstones/u"),
    ("orphans", (["n"],), "GET /v1/orphans?nodes=n"),
    ("adopt_orphan", (OrphanAdopt(),), "POST /v1/orphans/adopt"),
    ("remove_orphan", (OrphanRemove(),), "POST /v1/orphans/remove"),
]

_INFOS = [("property_infos", collection, f"GET /v1/{'/'.join(collection)}/properties/info") for collection in (
    ("nodes",), ("nodes", "n", "storage-pools"), ("storage-pool-definitions",), ("resource-groups",),
    ("resource-groups", "g", "volume-groups"), ("resource-definitions",),
    ("resource-definitions", "r", "volume-definitions"), ("resource-definitions", "r", "resources"),
    ("resource-definitions", "r", "resources", "n", "volumes"), ("resource-definitions", "r", "resource-connections"))]

_REMOTES = [
    ("remotes", (), f"GET {REMOTES}"), ("linstor_remotes", (), f"GET {REMOTES}/linstor"),
    ("s3_remotes", (), f"GET {REMOTES}/s3"), ("ebs_remotes", (), f"GET {REMOTES}/ebs"),
    ("create_linstor_remote", (remotes.LinstorRemoteBody(),), f"POST {REMOTES}/linstor"),
    ("modify_linstor_remote", ("x", remotes.LinstorRemoteBody()), f"PUT {REMOTES}/linstor/x"),
    ("create_s3_remote", (remotes.S3RemoteBody(),), f"POST {REMOTES}/s3"),
    ("modify_s3_remote", ("x", remotes.S3RemoteBody()), f"PUT {REMOTES}/s3/x"),
    ("create_ebs_remote", (remotes.EbsRemoteBody(),), f"POST {REMOTES}/ebs"),
    ("modify_ebs_remote", ("x", remotes.EbsRemoteBody()), f"PUT {REMOTES}/ebs/x"),
    ("delete_remote", ("x",), f"DELETE {REMOTES}?remote_name=x"),
    ("create_ebs_node", (remotes.EbsNodeCreate(),), f"POST {NODES}/ebs"),
    ("backups", ("x", "r", "s"), f"GET {REMOTES}/x/backups?rsc_name=r&snap_name=s"),
    ("create_backup", ("x", BACKUP), f"POST {REMOTES}/x/backups"),
    ("ship_backup", ("x", BACKUP), f"POST {REMOTES}/x/backups/ship"),
    ("restore_backup", ("x", BACKUP), f"POST {REMOTES}/x/backups/restore"),
    ("abort_backup", ("x", BACKUP), f"POST {REMOTES}/x/backups/abort"),
    ("backup_info", ("x", BACKUP), f"POST {REMOTES}/x/backups/info"),
    ("backup_queue", (["n"],), "GET /v1/view/backup/queue?nodes=n"),
    ("schedules", (), "GET /v1/schedules"), ("delete_schedule", ("x",), "DELETE /v1/schedules/x"),
    ("schedules_by_resource", ("r", None, None, True), "GET /v1/view/schedules-by-resource?rsc=r&active-only=True"),
]

_DIAGNOSTICS = [
    ("health", (), "GET /health"), ("metrics", (), "GET /metrics"),
    ("scrape_targets", (), "GET /metrics/scrape-target"), ("api_description", (), "GET /v1/openapi.json"),
    *(("count", (kind,), f"GET /v1/stats/{kind}") for kind in (
        "nodes", "storage-pools", "resource-groups", "resource-definitions", "resources", "error-reports")),
    ("controller_config", (), "GET /v1/controller/config"),
    ("modify_controller_config", (diagnostics.ControllerConfigModify(),), "PUT /v1/controller/config"),
    ("all_property_infos", (), "GET /v1/controller/properties/info/all"),
    ("delete_controller_property", ("Aux/a b",), "DELETE /v1/controller/properties/Aux/a%20b"),
    ("back_up_database", ("copy",), "POST /v1/controller/backup/db"),
    ("export_database", (), "POST /v1/controller/database/export"),
    ("delete_error_report", ("A-B-0",), "DELETE /v1/error-reports/A-B-0"),
    ("create_sos_report", (5, ["n"]), "GET /v1/sos-report?since=5&nodes=n"),
    ("download_sos_report", (), "GET /v1/sos-report/download"), ("space_report", (), "GET /v1/space-report"),
    ("auth_tokens", (), f"GET {TOKENS}"),
    ("create_auth_token", (diagnostics.AuthTokenCreate(),), f"POST {TOKENS}"),
    ("modify_auth_token", (1, diagnostics.AuthTokenModify()), f"PUT {TOKENS}/1"),
    ("delete_auth_token", (1,), f"DELETE {TOKENS}/1"),
    ("initialize_auth", (diagnostics.AuthTokenInitialize(),), "POST /v1/controller/auth/initialize-token-auth"),
]

_SWITCHED = f"{REMOTES}/x/backups/schedule/s"
_SCHEDULES = [
    ("delete_backups", ("x", {"id": "i", "cascading": True}), f"DELETE {REMOTES}/x/backups?id=i&cascading=True"),
    ("create_schedule", (ScheduleBody(),), "POST /v1/schedules"),
    ("modify_schedule", ("s", ScheduleBody()), "PUT /v1/schedules/s"),
    ("schedule_details", ("r",), "GET /v1/view/schedules-by-resource/r"),
    ("enable_schedule", ("x", "s", ScheduleEnable()), f"PUT {_SWITCHED}/enable"),
    ("disable_schedule", ("x", "s", ScheduleScope()), f"PUT {_SWITCHED}/disable"),
    ("remove_schedule", ("x", "s", "r"), f"DELETE {_SWITCHED}/delete?rsc_dfn_name=r"),
]

_FILE = "/v1/files/%2Fetc%2Fa.conf"
_ON_NODES = [
    ("files", (), "GET /v1/files"), ("file", ("/etc/a.conf",), f"GET {_FILE}"),
    ("modify_file", ("/etc/a.conf", ExternalFileBody()), f"PUT {_FILE}"),
    ("delete_file", ("/etc/a.conf",), f"DELETE {_FILE}"),
    ("file_allowed", ("/etc/a.conf", "n"), f"GET {_FILE}/check/n"),
    ("file_status", ("/etc/a.conf", "n"), f"GET {_FILE}/status/n"),
    ("deploy_file", ("r", "/etc/a.conf"), f"POST {RD}/r/files/%2Fetc%2Fa.conf"),
    ("undeploy_file", ("r", "/etc/a.conf"), f"DELETE {RD}/r/files/%2Fetc%2Fa.conf"),
    ("create_device_pool", ("n", PhysicalStorageCreate()), "POST /v1/physical-storage/n"),
    ("evict_node", ("n",), f"PUT {NODES}/n/evict"),
    ("unmake_available", ("r", "n"), f"POST {RD}/r/resources/n/unmake-available"),
    ("max_volume_sizes_by", (bodies.AutoSelectFilter(place_count=2),), "OPTIONS /v1/query-max-volume-size"),
    *(("run_drbd_reactorctl", (action, ReactorCommand()), f"POST {NODES}/exec/drbd-reactorctl/{action}")
      for action in ("disable", "enable", "evict", "restart", "status")),
]

OTHER_CALLS = [*_NOUNS, *_OURS, *_LEFT_BEHIND, *_CERTIFICATES, *_JOBS, *_INFOS, *_REMOTES, *_SCHEDULES, *_ON_NODES,
               *_DIAGNOSTICS]
