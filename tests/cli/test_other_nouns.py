"""What the words around nodes, definitions and resources send: remotes, backups, schedules, connections, options."""

from __future__ import annotations

import base64
import io
import json
import sys

import pytest
from linstor.properties import properties

from linstor_core.cli.drbd_options import options_of
from linstor_core.domain.property_rules import ObjectKind
from tests.client.scripted_controller import CREATED

RD, SHIP = "/v1/resource-definitions/web", "/v1/remotes/store/backups"

SENT = [
    ("remote c s3 store s3.example b eu key secret --use-path-style", "POST /v1/remotes/s3",
     {"remote_name": "store", "endpoint": "s3.example", "bucket": "b", "region": "eu", "access_key": "key",
      "secret_key": "secret", "use_path_style": True}),
    ("remote m s3 store --region us --secret-key s", "PUT /v1/remotes/s3/store", {"region": "us", "secret_key": "s"}),
    ("remote c l other 192.0.2.1 --passphrase p", "POST /v1/remotes/linstor",
     {"remote_name": "other", "url": "192.0.2.1", "passphrase": "p"}),
    ("remote m linstor other --url http://a", "PUT /v1/remotes/linstor/other", {"url": "http://a"}),
    ("remote c ebs cloud eu-1a key secret", "POST /v1/remotes/ebs",
     {"remote_name": "cloud", "availability_zone": "eu-1a", "access_key": "key", "secret_key": "secret"}),
    ("remote m ebs cloud --az eu-1b", "PUT /v1/remotes/ebs/cloud", {"availability_zone": "eu-1b"}),
    ("remote d store", "DELETE /v1/remotes", None),
    ("b c store web --full -n node1 -s snap", f"POST {SHIP}",
     {"rsc_name": "web", "incremental": False, "node_name": "node1", "snap_name": "snap"}),
    ("b s store web copy --full --target-node n2 --storpool-rename a=b --download-only", f"POST {SHIP}/ship",
     {"src_rsc_name": "web", "dst_rsc_name": "copy", "dst_node_name": "n2", "allow_incremental": False,
      "stor_pool_rename": {"a": "b"}, "download_only": True}),
    ("b rst store node1 copy -r web --id x --storpool-rename a=b c=d --force-restore", f"POST {SHIP}/restore",
     {"node_name": "node1", "target_rsc_name": "copy", "src_rsc_name": "web", "last_backup": "x",
      "stor_pool_map": {"a": "b", "c": "d"}, "force_restore": True}),
    ("b a store web --create", f"POST {SHIP}/abort", {"rsc_name": "web", "create": True}),
    ("b d id store x", f"DELETE {SHIP}", None), ("b d all store --cluster", f"DELETE {SHIP}", None),
    ("b d f store -r web", f"DELETE {SHIP}", None), ("b d s3 store a/b", f"DELETE {SHIP}", None),
    ("b sched en store nightly --rd web --target-resource-name copy", f"PUT {SHIP}/schedule/nightly/enable",
     {"rsc_name": "web", "dst_rsc_name": "copy"}),
    ("b sched dis store nightly --rg gold", f"PUT {SHIP}/schedule/nightly/disable", {"grp_name": "gold"}),
    ("b sched d store nightly", f"DELETE {SHIP}/schedule/nightly/delete", None),
    ("sched m nightly --keep-local all --max-retries 3 --on-failure skip", "PUT /v1/schedules/nightly",
     {"keep_local": -1, "max_retries": 3, "on_failure": "SKIP"}),
    ("sched d nightly", "DELETE /v1/schedules/nightly", None),
    ("nc sp a b --aux x 1", "PUT /v1/node-connections/a/b", {"override_props": {"Aux/x": "1"}}),
    ("nc p c a b fast data data2", "PUT /v1/node-connections/a/b",
     {"override_props": {"Paths/fast/a": "data", "Paths/fast/b": "data2"}}),
    ("nc p d a b fast", "PUT /v1/node-connections/a/b", {"delete_props": ["Paths/fast/a", "Paths/fast/b"]}),
    ("nc popt a b --ping-int 20", "PUT /v1/node-connections/a/b",
     {"override_props": {"DrbdOptions/Net/ping-int": "20"}}),
    ("rc sp a b web Aux/x", f"PUT {RD}/resource-connections/a/b", {"delete_props": ["Aux/x"]}),
    ("rc popt a b web --c-max-rate 4M --unset-protocol", f"PUT {RD}/resource-connections/a/b",
     {"override_props": {"DrbdOptions/PeerDevice/c-max-rate": "4096"}, "delete_props": ["DrbdOptions/Net/protocol"]}),
    ("r popt a b web --c-max-rate 4096", f"PUT {RD}/resource-connections/a/b",
     {"override_props": {"DrbdOptions/PeerDevice/c-max-rate": "4096"}}),
    ("drbd-proxy e a b web -p 7100", f"POST {RD}/drbd-proxy/enable/a/b", {"port": 7100}),
    ("proxy disable a b web", f"POST {RD}/drbd-proxy/disable/a/b", None),
    ("proxy opt web --memlimit 16M --unset-ping-timeout", f"PUT {RD}/drbd-proxy",
     {"override_props": {"DrbdOptions/Proxy/memlimit": "16777216"},
      "delete_props": ["DrbdOptions/Proxy/ping-timeout"]}),
    ("proxy c zlib web --level 9", f"PUT {RD}/drbd-proxy",
     {"compression_type": "zlib", "compression_props": {"DrbdOptions/ProxyCompression/level": "9"}}),
    ("proxy compression none web", f"PUT {RD}/drbd-proxy", {"compression_type": "none"}),
    ("rd opt web --quorum majority --drbd-timeout 60 --handler-fence-peer /x", f"PUT {RD}",
     {"override_props": {"DrbdOptions/Resource/quorum": "majority", "DrbdOptions/Net/timeout": "60",
                         "DrbdOptions/Handlers/fence-peer": "/x"}}),
    ("rg opt gold --unset-quorum", "PUT /v1/resource-groups/gold", {"delete_props": ["DrbdOptions/Resource/quorum"]}),
    ("vd opt web 0 --al-extents 1237", f"PUT {RD}/volume-definitions/0",
     {"override_props": {"DrbdOptions/Disk/al-extents": "1237"}}),
    ("vd mp web 0 --new-passphrase p", f"PUT {RD}/volume-definitions/0/encryption-passphrase",
     {"new_passphrase": "p"}),
    ("c opt --protocol C", "POST /v1/controller/properties", {"override_props": {"DrbdOptions/Net/protocol": "C"}}),
    ("c set-log-level debug", "PUT /v1/controller/config", {"log": {"level_linstor": "DEBUG"}}),
    ("c set-log-level warn --global --lib", "PUT /v1/controller/config", {"log": {"level_global": "WARN"}}),
    ("c bakdb copy", "POST /v1/controller/backup/db", {"backup_name": "copy"}),
    ("c tok c ci --ip-filter 192.0.2.7", "POST /v1/controller/auth/token",
     {"description": "ci", "ip_filter": "192.0.2.7"}),
    ("c tok m 2 --suspend", "PUT /v1/controller/auth/token/2", {"is_active": False}),
    ("c tok d 2", "DELETE /v1/controller/auth/token/2", None),
    ("c tok init first --no-https", "POST /v1/controller/auth/initialize-token-auth",
     {"description": "first", "no_https": True}),
    ("n set-log-level n1 trace", "PUT /v1/nodes/n1/config", {"log": {"level_linstor": "TRACE"}}),
    ("n evict n1", "PUT /v1/nodes/n1/evict", None), ("n cebs n9 cloud", "POST /v1/nodes/ebs",
                                                    {"name": "n9", "ebs_remote_name": "cloud"}),
    ("r unmkavail n1 web", f"POST {RD}/resources/n1/unmake-available", None),
    ("ps cdp lvmthin n1 /dev/sdb /dev/sdc --pool-name vg --storage-pool thin", "POST /v1/physical-storage/n1",
     {"provider_kind": "LVM_THIN", "device_paths": ["/dev/sdb", "/dev/sdc"], "pool_name": "vg",
      "with_storage_pool": {"name": "thin"}}),
    ("ps cdp filethin n1 /dev/sdb", "POST /v1/physical-storage/n1",
     {"provider_kind": "FILE_THIN", "device_paths": ["/dev/sdb"]}),
    ("f d /etc/a.conf", "DELETE /v1/files//etc/a.conf", None),
    ("f dep /etc/a.conf web", f"POST {RD}/files//etc/a.conf", None),
    ("f und /etc/a.conf web", f"DELETE {RD}/files//etc/a.conf", None),
    ("sos c --since 3days", "GET /v1/sos-report", None),
]


@pytest.mark.parametrize(("line", "call", "body"), SENT, ids=[row[0] for row in SENT])
def test_what_is_sent(controller, linstor, line, call, body):
    controller.answer(call, [CREATED], status=201)
    assert linstor(line) == (0, "SUCCESS:\n    created\n")
    assert controller.asked == [call]
    assert controller.requests[0][2] == body


def test_a_cron_is_one_word(controller, linstor):
    controller.answer("POST /v1/schedules", [CREATED])
    assert linstor("sched c -i", "0 * * * *", "--keep-remote", "all", "nightly", "0 2 * * *")[0] == 0
    assert controller.requests[0][2] == {"schedule_name": "nightly", "full_cron": "0 2 * * *",
                                         "inc_cron": "0 * * * *", "keep_remote": -1}


@pytest.mark.parametrize(("line", "query"), [
    ("b d id store x --prefix --cascade", {"id_prefix": ["x"], "cascading": ["True"]}),
    ("b d f store -t 20260101_000000 --dry-run", {"timestamp": ["20260101_000000"], "dryrun": ["True"]}),
    ("b d all store --keep-snaps", {"all": ["True"], "keep_snaps": ["True"]}),
    ("b d s3key store a/b", {"s3key": ["a/b"]}),
])
def test_which_backups_go(controller, linstor, line, query):
    controller.answer(f"DELETE {SHIP}", [CREATED])
    assert linstor(line)[0] == 0
    assert controller.requests[0][1] == query


@pytest.mark.parametrize("line", [
    "b d f store", "b sched en store x --target-resource-name y", "sched c x y --keep-local few", "rd opt web",
    "rd opt web --quorum maybe", "rd opt web --ping-int 100000", "rc popt a b web --c-max-rate 4Q",
    "c set-log-level loud", "c tok m 1 --suspend --activate", "b rst store n r --storpool-rename a",
    "adv r -f nothing", "ps cdp floppy n1 /dev/fd0", "rg ex gold --size x",
])
def test_mistakes_cost_no_call(controller, linstor, capsys, line):
    status, text = linstor(line)
    assert (status, text, controller.asked) == (2, "", [])
    assert capsys.readouterr().err


@pytest.mark.parametrize(("kind", "theirs"), [
    (ObjectKind.CONTROLLER, "controller"), (ObjectKind.RESOURCE_DEFINITION, "resource-definition"),
    (ObjectKind.RESOURCE_GROUP, "resource-definition"), (ObjectKind.VOLUME_DEFINITION, "volume-definition"),
    (ObjectKind.RESOURCE_CONNECTION, "rsc-conn"), (ObjectKind.NODE_CONNECTION, "node-conn"),
])
def test_drbd_has_the_flags_that_linstor_has(kind, theirs):
    known = {option["key"] for option in properties[theirs]
             if option.get("drbd_option_name") not in (None, "help", "_name")}
    assert {option.key for option in options_of(kind)} == known
    flags = [option.flag for option in options_of(kind)]
    assert len(flags) == len(set(flags))


def test_a_file_comes_from_standard_input(controller, linstor):
    controller.answer("PUT /v1/files//etc/a.conf", [CREATED])
    before, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(b"one\n"))
    try:
        assert linstor("f m /etc/a.conf")[0] == 0
    finally:
        sys.stdin = before
    assert controller.requests[0][2] == {"path": "/etc/a.conf", "content": base64.b64encode(b"one\n").decode()}
    controller.answer("GET /v1/files//etc/a.conf", {"path": "/etc/a.conf", "content": "b25lCg=="})
    assert linstor("f s /etc/a.conf") == (0, "one\n")


def test_a_report_is_fetched_once(controller, linstor, tmp_path):
    controller.answer("GET /v1/sos-report/download", b"tar")
    assert linstor("sos dl", str(tmp_path))[0] == 0
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"tar"]
    assert linstor("sos dl", str(tmp_path))[0] == 1


def test_a_token_is_shown_when_it_is_made(controller, linstor):
    controller.answer("POST /v1/controller/auth/token",
                      [{"ret_code": 1, "message": "made", "obj_refs": {"token": "t0"}}])
    assert linstor("c tok c ci") == (0, "SUCCESS:\n    made\nToken: t0\n")


def test_which_controller_answers(controller, linstor):
    controller.answer("GET /v1/controller/version", {"version": "1"})
    assert linstor("c which") == (0, controller.url + "\n")
    assert json.loads(linstor("-m c which")[1]) == {"controller_uri": controller.url}


def test_the_space_report(controller, linstor):
    controller.answer("GET /v1/space-report", {"reportText": "none"})
    assert linstor("spr qry") == (0, "none\n")


def test_what_is_on_a_node(controller, linstor):
    controller.answer("GET /v1/view/resources", [
        {"name": "a", "node_name": "n1", "state": {"in_use": True}}, {"name": "a", "node_name": "n2"},
        {"name": "b", "node_name": "n1"},
        {"name": "b", "node_name": "n3", "flags": ["DISKLESS"], "state": {"in_use": True}},
        {"name": "c", "node_name": "n2"}])

    def names(line):
        return [(resource["name"], resource["node_name"]) for resource in json.loads(linstor("-m " + line)[1])[0]]

    assert names("r inv N1") == [("a", "n1"), ("a", "n2"), ("b", "n1"), ("b", "n3")]
    assert names("r inv n1 -d") == [("b", "n1"), ("b", "n3")]
    assert names("r inv n1 -m 2") == [("b", "n1"), ("b", "n3")]
    assert names("r inv n2 -i") == [("a", "n1"), ("a", "n2")]
    assert "InUse" in linstor("r inv n1")[1]


def test_a_list_from_a_file(controller, linstor, tmp_path):
    nodes = [{"name": "n1", "type": "SATELLITE", "connection_status": "ONLINE"}]
    for number, content in enumerate((nodes, [nodes])):
        (tmp_path / f"{number}.json").write_text(json.dumps(content))
        assert "Online" in linstor(f"n l --from-file {tmp_path}/{number}.json")[1]
    assert linstor(f"n l --from-file {tmp_path}/none")[0] == 2
    assert controller.asked == []
