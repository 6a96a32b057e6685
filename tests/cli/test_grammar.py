"""Names, aliases and beginnings of words lead to the same command, and options become the body that LINSTOR takes."""

from __future__ import annotations

import json

import pytest

from linstor_core.cli.grammar import Command, Noun, UsageError, parser_of, resolve, walk
from linstor_core.cli.tree import NOUNS
from tests.client.scripted_controller import CREATED

LEAVES = [(path, word) for path, word in walk(NOUNS) if isinstance(word, Command)]


def spelled(path):
    """The ways in which each word of a path may be written."""
    members, ways = NOUNS, []
    for name in path:
        word = next(member for member in members if member.name == name)
        ways.append((name, *word.aliases))
        members = word.members if isinstance(word, Noun) else ()
    return ways


@pytest.mark.parametrize("path", [path for path, _ in LEAVES], ids=" ".join)
def test_every_alias_leads_to_its_command(path):
    for ways in spelled(path):
        for way in ways:
            words = [way if name == ways[0] else name for name in path]
            assert resolve(words, NOUNS)[1] == list(path)


def test_no_word_has_two_meanings():
    groups = [NOUNS, *(word.members for _, word in walk(NOUNS) if isinstance(word, Noun))]
    for members in groups:
        words = [word for member in members for word in (member.name, *member.aliases)]
        assert len(words) == len(set(words))


@pytest.mark.parametrize(("path", "command"), LEAVES, ids=lambda value: " ".join(value) if isinstance(value, tuple)
                         and all(isinstance(part, str) for part in value) else "")
def test_every_command_has_a_parser_and_help(path, command):
    text = parser_of(command, path).format_help()
    assert command.help.endswith(".")
    assert f"usage: linstor {' '.join(path)}" in " ".join(text.split())


@pytest.mark.parametrize(("line", "path"), [
    ("n l", "node list"), ("phys list", "physical-storage list"), ("sp c filethin", "storage-pool create filethin"),
    ("sto cr lvm", "storage-pool create lvm"), ("rg spawn", "resource-group spawn-resources"),
    ("rg sp", "resource-group set-property"), ("rd l", "resource-definition list"), ("r c", "resource create"),
    ("s c", "snapshot create"), ("s r rst", "snapshot resource restore"), ("vd size", "volume-definition set-size"),
    ("n i l", "node interface list"), ("err l", "error-reports list"), ("resource l", "resource list"),
    ("rem l", "remote list"), ("b sched en", "backup schedule enable"),
    ("rc p c", "resource-connection path create"), ("nc popt", "node-connection drbd-peer-options"),
    ("c opt", "controller drbd-options"), ("c tok l", "controller token list"), ("adv m", "advise maintenance"),
    ("f dep", "file deploy"), ("sos dl", "sos-report download"), ("sched lbr", "schedule list-by-resource"),
    ("ps cdp", "physical-storage create-device-pool"), ("rg ex", "resource-group explain"),
    ("kv m", "key-value-store modify"), ("ps l", "physical-storage list"), ("c v", "controller version"),
])
def test_short_forms(line, path):
    assert " ".join(resolve(line.split(), NOUNS)[1]) == path


@pytest.mark.parametrize(("line", "text"), [
    ("res l", "could be any of: resource-group, resource-definition, resource"), ("x", "no word of 'linstor'"),
    ("node x", "no word of 'linstor node'"), ("node", "usage: linstor node COMMAND"), ("sp c", "filethin"),
    ("volume-", "volume-group, volume-definition"),
])
def test_what_leads_nowhere(line, text):
    with pytest.raises(UsageError, match=text):
        resolve(line.split(), NOUNS)


SENT = [
    ("n c n1 10.0.0.1", "POST /v1/nodes",
     {"name": "n1", "type": "SATELLITE", "net_interfaces": [
         {"name": "default", "address": "10.0.0.1", "satellite_port": 3366, "satellite_encryption_type": "PLAIN",
          "is_active": True}]}),
    ("n c n1 fd00::1 --communication-type SSL --node-type Combined -p 4000", "POST /v1/nodes",
     {"name": "n1", "type": "COMBINED", "net_interfaces": [
         {"name": "default", "address": "fd00::1", "satellite_port": 4000, "satellite_encryption_type": "SSL",
          "is_active": True}]}),
    ("n i c n1 data 10.1.0.1", "POST /v1/nodes/n1/net-interfaces", {"name": "data", "address": "10.1.0.1"}),
    ("n sp n1 --aux zone a", "PUT /v1/nodes/n1", {"override_props": {"Aux/zone": "a"}}),
    ("n sp n1 PrefNic", "PUT /v1/nodes/n1", {"delete_props": ["PrefNic"]}),
    ("n m n1 --node-type combined", "PUT /v1/nodes/n1", {"node_type": "COMBINED"}),
    ("n rst n1 --delete-resources", "PUT /v1/nodes/n1/restore", {"delete_resources": True}),
    ("n evac n1 --target n2 n3", "PUT /v1/nodes/n1/evacuate", {"target": ["n2", "n3"]}),
    ("n lo n1", "DELETE /v1/nodes/n1/lost", None),
    ("sp c filethin n1 thin /var/pool", "POST /v1/nodes/n1/storage-pools",
     {"storage_pool_name": "thin", "provider_kind": "FILE_THIN", "props": {"StorDriver/StorPoolName": "/var/pool"}}),
    ("sp c diskless n1 nodisk", "POST /v1/nodes/n1/storage-pools",
     {"storage_pool_name": "nodisk", "provider_kind": "DISKLESS"}),
    ("sp d n1 thin", "DELETE /v1/nodes/n1/storage-pools/thin", None),
    ("rg c gold --place-count 3 -s thin file --replicas-on-different zone --providers lvmthin,zfs -l drbd,storage "
     "--x-replicas-on-different rack 2 --diskless-on-remaining", "POST /v1/resource-groups",
     {"name": "gold", "select_filter": {
         "place_count": 3, "storage_pool_list": ["thin", "file"], "replicas_on_different": ["Aux/zone"],
         "provider_list": ["LVM_THIN", "ZFS"], "layer_stack": ["DRBD", "STORAGE"],
         "x_replicas_on_different_map": {"Aux/rack": 2}, "diskless_on_remaining": True}}),
    ("rg m gold --replicas-on-same --diskless-on-remaining false -d new", "PUT /v1/resource-groups/gold",
     {"description": "new", "select_filter": {"replicas_on_same": [], "diskless_on_remaining": False}}),
    ("rg spawn gold web 1G 20M 5", "POST /v1/resource-groups/gold/spawn",
     {"resource_definition_name": "web", "volume_sizes": [1048576, 20480, 5242880]}),
    ("rg spawn -d -p gold web 1K --place-count +1", "POST /v1/resource-groups/gold/spawn",
     {"resource_definition_name": "web", "volume_sizes": [1], "definitions_only": True, "partial": True,
      "select_filter": {"additional_place_count": 1}}),
    ("rg adj gold", "POST /v1/resource-groups/gold/adjust", {}),
    ("rg adj", "POST /v1/resource-groups/adjustall", {}),
    ("vg c gold -n 2 --gross", "POST /v1/resource-groups/gold/volume-groups",
     {"volume_number": 2, "flags": ["GROSS_SIZE"]}),
    ("vg sp gold 2 Aux/a 1", "PUT /v1/resource-groups/gold/volume-groups/2", {"override_props": {"Aux/a": "1"}}),
    ("rd c web --resource-group gold -l storage", "POST /v1/resource-definitions",
     {"resource_definition": {"name": "web", "resource_group_name": "gold", "layer_data": [{"type": "STORAGE"}]}}),
    ("rd c -e any", "POST /v1/resource-definitions", {"resource_definition": {"external_name": "any"}}),
    ("rd ap web --place-count 2 -s thin", "POST /v1/resource-definitions/web/autoplace",
     {"select_filter": {"place_count": 2, "storage_pool_list": ["thin"]}}),
    ("rd m web --resource-group gold", "PUT /v1/resource-definitions/web", {"resource_group": "gold"}),
    ("rd d web", "DELETE /v1/resource-definitions/web", None),
    ("vd c web 10G", "POST /v1/resource-definitions/web/volume-definitions",
     {"volume_definition": {"size_kib": 10485760}}),
    ("vd size web 0 20G", "PUT /v1/resource-definitions/web/volume-definitions/0", {"size_kib": 20971520}),
    ("r c n1 n2 web -s thin", "POST /v1/resource-definitions/web/resources",
     [{"resource": {"node_name": "n1", "props": {"StorPoolName": "thin"}}},
      {"resource": {"node_name": "n2", "props": {"StorPoolName": "thin"}}}]),
    ("r c web --auto-place 2", "POST /v1/resource-definitions/web/autoplace", {"select_filter": {"place_count": 2}}),
    ("r c n1 web --drbd-diskless", "POST /v1/resource-definitions/web/resources",
     [{"resource": {"node_name": "n1", "flags": ["DRBD_DISKLESS"]}}]),
    ("r mkavail n1 web --diskful", "POST /v1/resource-definitions/web/resources/n1/make-available", {"diskful": True}),
    ("r d n1 web", "DELETE /v1/resource-definitions/web/resources/n1", None),
    ("r act n1 web", "POST /v1/resource-definitions/web/resources/n1/activate", None),
    ("r deact n1 web", "POST /v1/resource-definitions/web/resources/n1/deactivate", None),
    ("r td n1 web -s thin", "PUT /v1/resource-definitions/web/resources/n1/toggle-disk/diskful/thin", None),
    ("r td n1 web --diskless", "PUT /v1/resource-definitions/web/resources/n1/toggle-disk/diskless", None),
    ("r td n1 web --migrate-from n2", "PUT /v1/resource-definitions/web/resources/n1/migrate-disk/n2", None),
    ("v sp n1 web 0 Aux/v 1", "PUT /v1/resource-definitions/web/resources/n1/volumes/0",
     {"override_props": {"Aux/v": "1"}}),
    ("s c web s1", "POST /v1/resource-definitions/web/snapshots", {"name": "s1"}),
    ("s c n1 n2 web s1", "POST /v1/resource-definitions/web/snapshots", {"name": "s1", "nodes": ["n1", "n2"]}),
    ("s cm s1 -r web db", "POST /v1/actions/snapshot/multi",
     {"snapshots": [{"name": "s1", "resource_name": "web"}, {"name": "s1", "resource_name": "db"}]}),
    ("s rb web s1", "POST /v1/resource-definitions/web/snapshot-rollback/s1", {}),
    ("s d web s1", "DELETE /v1/resource-definitions/web/snapshots/s1", None),
    ("s vd rst --fr web --fs s1 --tr copy",
     "POST /v1/resource-definitions/web/snapshot-restore-volume-definition/s1", {"to_resource": "copy"}),
    ("s r rst n1 --fr web --fs s1 --tr copy --storpool-rename a=b",
     "POST /v1/resource-definitions/web/snapshot-restore-resource/s1",
     {"to_resource": "copy", "nodes": ["n1"], "stor_pool_rename": {"a": "b"}}),
    ("kv m csi a 1", "PUT /v1/key-value-store/csi", {"override_props": {"a": "1"}}),
    ("kv m csi a", "PUT /v1/key-value-store/csi", {"delete_props": ["a"]}),
    ("c sp --aux a 1", "POST /v1/controller/properties", {"override_props": {"Aux/a": "1"}}),
    ("e cp -p secret", "POST /v1/encryption/passphrase", {"new_passphrase": "secret"}),
    ("e ep -p secret", "PATCH /v1/encryption/passphrase", "secret"),
    ("e mp --old-passphrase a --new-passphrase b", "PUT /v1/encryption/passphrase",
     {"old_passphrase": "a", "new_passphrase": "b"}),
    ("err d --exception X", "PATCH /v1/error-reports", {"exception": "X"}),
]


@pytest.mark.parametrize(("line", "call", "body"), SENT, ids=[row[0] for row in SENT])
def test_what_is_sent(controller, linstor, line, call, body):
    controller.answer(call, [CREATED], status=201)
    status, text = linstor(line)
    assert controller.asked == [call]
    assert controller.requests[0][2] == body
    assert (status, text) == (0, "SUCCESS:\n    created\n")


@pytest.mark.parametrize("line", [
    "vd c web tenG", "vd c web 0", "n c n1 10.0.0.1 -p 70000", "n c n1 10.0.0.1 --node-type x", "r c web",
    "r c n1 web --auto-place 2", "r c web --auto-place many", "rg c g -l nolayer", "rg c g --providers floppy",
    "rg c g --x-replicas-on-different a", "s r rst --fr a", "s r rst --fr a --fs b --tr c --storpool-rename x",
    "n l -g nocolumn", "err l --since soon", "node list --nope", "--nope n l", "n",
])
def test_mistakes_cost_no_call(controller, linstor, capsys, line):
    status, text = linstor(line)
    assert (status, text, controller.asked) == (2, "", [])
    assert capsys.readouterr().err


def test_clone_waits_for_the_copy(controller, linstor):
    started = {"location": "/x", "source_name": "web", "clone_name": "copy", "messages": [CREATED]}
    controller.answer("POST /v1/resource-definitions/web/clone", started, status=201)
    controller.answers_in_turn("GET /v1/resource-definitions/web/clone/copy", {"status": "CLONING"},
                               {"status": "COMPLETE"})
    assert linstor("rd cln web copy") == (0, "SUCCESS:\n    created\n")
    assert controller.requests[0][2] == {"name": "copy"}
    status, text = linstor("-m rd cln web copy --no-wait")
    assert (status, json.loads(text)) == (0, [started])
