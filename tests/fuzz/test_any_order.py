"""Create, modify and delete in any order, against a model of names, on a controller with simulated satellites.

After every step: the invariants hold, what was refused has changed nothing, a dry run foretells the call.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from linstor_core.domain.cluster import key_of
from linstor_core.testing import cluster_invariants
from tests.fuzz.in_process import InProcessController, Mood, Reply

DEFINITIONS = "/v1/resource-definitions"
GROUPS = "/v1/resource-groups"
EXISTS = range(500, 600)
SAYS_NOTHING = ("/controller/properties", "/evacuate", "/adjust")
"""Calls that LINSTOR answers with an empty list where there is nothing to tell."""

STILL_WORKING = "goes on in the background"


def _spelled(*names: str) -> st.SearchStrategy[str]:
    """One of the names, in any case: both spellings name one object."""
    return st.sampled_from([*names, *(name.upper() for name in names)])


nodes = _spelled("alpha", "bravo", "charlie")
pools = st.sampled_from(["thin", "thin", "THIN", "thick"])
groups = st.sampled_from(["gold", "GOLD", "silver"])
resources = st.sampled_from(["db", "db", "DB", "copy", "web"])
snapshots = st.sampled_from(["monday", "MONDAY", "tuesday"])
ends = st.sampled_from(["", "", "force=true", "force=true&abandon=true"])
numbers = st.sampled_from([0, 0, 1])
sizes_kib = st.sampled_from([4096, 4096, 8192, 1 << 20, 1 << 33, 0, -1])
moods = st.sampled_from([Mood.OBEDIENT, Mood.OBEDIENT, *Mood])
prop_changes = st.fixed_dictionaries({}, optional={
    "override_props": st.dictionaries(st.sampled_from(["Aux/a", "Aux/b/c", "Aux/zone", "FileSystem/Type", "NoSuchKey"]),
                                      st.sampled_from(["1", "x", "ext4", ""]), max_size=2),
    "delete_props": st.lists(st.sampled_from(["Aux/a", "Aux/b/c", "missing"]), max_size=2),
    "delete_namespaces": st.lists(st.sampled_from(["Aux", "Aux/b", ""]), max_size=1)})
select_filters = st.fixed_dictionaries({}, optional={
    "place_count": st.integers(0, 4), "storage_pool_list": st.lists(pools, max_size=2),
    "node_name_list": st.lists(nodes, max_size=2), "replicas_on_same": st.just(["Aux/zone"]),
    "replicas_on_different": st.just(["Aux/zone"]), "not_place_with_rsc": st.lists(resources, max_size=2)})


class AnyOrder(RuleBasedStateMachine):
    """The model: which names are taken, and the keys of the key-value store."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="any-order-"))
        self.it = InProcessController(self.folder)
        self.nodes: set[str] = set()
        self.groups: set[str] = {"DFLTRSCGRP"}
        self.definitions: set[str] = set()
        self.deleted: set[str] = set()
        self.store: dict[str, str] = {}

    def teardown(self) -> None:
        self.it.close()
        shutil.rmtree(self.folder)

    @initialize(count=st.sampled_from([3, 3, 2, 0]), placed=st.lists(nodes, max_size=2))
    def begin(self, count: int, placed: list[str]) -> None:
        """Something to work on, so that most histories go deep."""
        for name in ("alpha", "bravo", "charlie")[:count]:
            self.create_node(name, "SATELLITE", dry=False)
            self.create_pool(name, "thin", "FILE_THIN", dry=False)
        self.create_group("gold", {"place_count": 1}, dry=False)
        self.change_volume_group("gold", None, "POST")
        self.create_definition("db", "gold", dry=False)
        self.create_volume("db", 0, 4096, dry=False)
        for name in placed:
            self.create_resource("db", name, "thin", [], dry=False)

    # What every call has to hold to

    def call(self, method: str, path: str, body: object = None, *, dry: bool = False, query: str = "") -> Reply:
        before = self.it.cluster
        foretold = self._foretold(method, path, body, query) if dry else None
        assert self.it.cluster is before, "a dry run changes nothing"
        reply = self.it.request(method, path, body, query)
        if not isinstance(reply.body, list):
            return reply
        assert reply.body or path.endswith(SAYS_NOTHING), reply
        assert 999 not in reply.codes, reply
        assert not any(STILL_WORKING in entry["message"] for entry in reply.body), reply
        assert reply.has_error == (reply.status >= 400), reply
        if reply.has_error and self._is_calm():
            assert self.it.cluster is before, ("a refusal changes nothing", reply)
        if foretold is not None:
            told = [code for code in reply.codes if code]
            assert told[:len(foretold)] == foretold, ("the dry run foretells the call", foretold, reply)
        return reply

    def _foretold(self, method: str, path: str, body: object, query: str) -> list[int]:
        reply = self.it.request(method, path, body, "&".join(part for part in (query, "dry_run=true") if part))
        entries = reply.body if isinstance(reply.body, list) else reply.body["entries"]
        # What has no code is said besides: where an evacuation would take things, for instance.
        return [code for entry in entries if (code := entry["ret_code"] & 0x7FFF)]

    def _is_calm(self) -> bool:
        """Whether no node fails at what it is asked to do: else an error may follow a change that was accepted."""
        return not any(mood in (Mood.FAILING, Mood.BUSY) for mood in self.it.fleet.moods.values())

    def created(self, reply: Reply, taken: set[str], name: str) -> None:
        """The name was free, and is taken now; or it was taken, and the call is refused for that."""
        if key_of(name) in taken:
            assert reply.has_error and reply.codes[0] in EXISTS, reply
        else:
            assert not reply.has_error, reply
            taken.add(key_of(name))

    @invariant()
    def everything_holds(self) -> None:
        self.it.settle()
        cluster = self.it.cluster
        cluster_invariants.check(cluster, self.it.repository)
        assert set(cluster.nodes) == self.nodes
        assert set(cluster.resource_groups) == self.groups
        gone = self.definitions - set(cluster.resource_definitions)
        assert gone <= self.deleted, gone - self.deleted
        self.definitions -= gone
        self.deleted -= gone
        assert set(cluster.resource_definitions) == self.definitions
        stores = {key: dict(store.props) for key, store in cluster.key_value_stores.items()}
        assert stores == ({"STORE": self.store} if self.store else {})

    # Nodes and pools

    @rule(name=nodes, kind=st.sampled_from(["SATELLITE", "COMBINED", "CONTROLLER", "AUXILIARY"]), dry=st.booleans())
    def create_node(self, name: str, kind: str, dry: bool) -> None:
        part = {"name": "default", "address": "127.0.0.1", "satellite_port": 3366, "satellite_encryption_type": "PLAIN"}
        self.created(self.call("POST", "/v1/nodes", {"name": name, "type": kind, "net_interfaces": [part]}, dry=dry),
                     self.nodes, name)

    @rule(name=nodes, dry=st.booleans(), lost=st.booleans())
    def delete_node(self, name: str, dry: bool, lost: bool) -> None:
        reply = self.call("DELETE", f"/v1/nodes/{name}" + ("/lost" if lost else ""), dry=dry)
        if not reply.has_error:
            self.nodes.discard(key_of(name))

    @rule(name=nodes, kind=st.sampled_from(["SATELLITE", "CONTROLLER", "nonsense"]), props=prop_changes)
    def modify_node(self, name: str, kind: str, props: dict[str, Any]) -> None:
        self.call("PUT", f"/v1/nodes/{name}", {"node_type": kind, **props})

    @rule(name=nodes, other=nodes, restore=st.booleans(), dry=st.booleans())
    def evacuate_or_restore(self, name: str, other: str, restore: bool, dry: bool) -> None:
        if restore:
            self.call("PUT", f"/v1/nodes/{name}/restore", {}, dry=dry)
        else:
            self.call("PUT", f"/v1/nodes/{name}/evacuate", {"target": [other]}, dry=dry)

    @rule(name=nodes, interface=_spelled("default", "second"), address=st.sampled_from(["127.0.0.2", "::1", "bad!"]),
          method=st.sampled_from(["POST", "PUT", "DELETE"]), dry=st.booleans())
    def change_interface(self, name: str, interface: str, address: str, method: str, dry: bool) -> None:
        path = f"/v1/nodes/{name}/net-interfaces" + ("" if method == "POST" else f"/{interface}")
        self.call(method, path, {"name": interface, "address": address}, dry=dry)

    @rule(node=nodes, name=pools, kind=st.sampled_from(["FILE", "FILE_THIN", "DISKLESS", "LVM", "nonsense"]),
          dry=st.booleans())
    def create_pool(self, node: str, name: str, kind: str, dry: bool) -> None:
        self.call("POST", f"/v1/nodes/{node}/storage-pools", dry=dry, body={
            "storage_pool_name": name, "provider_kind": kind, "props": {"StorDriver/StorPoolName": f"/srv/{name}"}})

    @rule(node=nodes, name=pools, dry=st.booleans(), definition=st.booleans())
    def delete_pool(self, node: str, name: str, dry: bool, definition: bool) -> None:
        path = f"/v1/storage-pool-definitions/{name}" if definition else f"/v1/nodes/{node}/storage-pools/{name}"
        self.call("DELETE", path, dry=dry)

    @rule(node=nodes, mood=moods)
    def become(self, node: str, mood: Mood) -> None:
        self.it.become(node, mood)

    # Groups

    @rule(name=groups, rules=select_filters, dry=st.booleans())
    def create_group(self, name: str, rules: dict[str, Any], dry: bool) -> None:
        rules = {**rules, "layer_stack": ["STORAGE"]}
        reply = self.call("POST", GROUPS, {"name": name, "select_filter": rules}, dry=dry)
        if not reply.has_error:
            self.groups.add(key_of(name))

    @rule(name=groups, rules=select_filters, props=prop_changes, dry=st.booleans())
    def modify_group(self, name: str, rules: dict[str, Any], props: dict[str, Any], dry: bool) -> None:
        self.call("PUT", f"{GROUPS}/{name}", {"select_filter": rules, **props}, dry=dry)

    @rule(name=groups, dry=st.booleans())
    def delete_group(self, name: str, dry: bool) -> None:
        if not self.call("DELETE", f"{GROUPS}/{name}", dry=dry).has_error:
            self.groups.discard(key_of(name))

    @rule(name=groups, number=st.one_of(st.none(), numbers), method=st.sampled_from(["POST", "DELETE"]))
    def change_volume_group(self, name: str, number: int | None, method: str) -> None:
        path = f"{GROUPS}/{name}/volume-groups"
        if method == "POST":
            self.call("POST", path, {} if number is None else {"volume_number": number})
        else:
            self.call("DELETE", f"{path}/{number or 0}")

    @rule(group=groups, name=resources, sizes=st.lists(sizes_kib, max_size=2), partial=st.booleans(),
          only=st.booleans(), dry=st.booleans())
    def spawn(self, *, group: str, name: str, sizes: list[int], partial: bool, only: bool, dry: bool) -> None:
        self.call("POST", f"{GROUPS}/{group}/spawn", dry=dry, body={
            "resource_definition_name": name, "volume_sizes": sizes, "partial": partial, "definitions_only": only})
        self.learn(name)

    @rule(group=groups, rules=select_filters, dry=st.booleans())
    def adjust(self, group: str, rules: dict[str, Any], dry: bool) -> None:
        self.call("POST", f"{GROUPS}/{group}/adjust", {"select_filter": rules}, dry=dry)

    # Definitions and volumes

    def learn(self, name: str) -> None:
        """The call may have made this definition, or refused to."""
        if self.it.cluster.definition(name) is not None:
            self.definitions.add(key_of(name))

    @rule(name=resources, group=st.one_of(st.just("DfltRscGrp"), groups), dry=st.booleans())
    def create_definition(self, name: str, group: str, dry: bool) -> None:
        reply = self.call("POST", DEFINITIONS, dry=dry,
                          body={"resource_definition": {
            "name": name, "resource_group_name": group, "layer_data": [{"type": "STORAGE"}]}})
        existed = key_of(name) in self.definitions and reply.codes[0] in EXISTS
        group_there = key_of(group) in self.groups or group == "DfltRscGrp"
        assert reply.has_error == (existed or not group_there), reply
        if not reply.has_error:
            self.definitions.add(key_of(name))
            self.groups.add(key_of(group))

    @rule(name=resources, group=groups, props=prop_changes, dry=st.booleans())
    def modify_definition(self, name: str, group: str, props: dict[str, Any], dry: bool) -> None:
        self.call("PUT", f"{DEFINITIONS}/{name}", {"resource_group": group, **props}, dry=dry)

    @rule(name=resources, dry=st.booleans(), end=ends)
    def delete_definition(self, name: str, dry: bool, end: str) -> None:
        reply = self.call("DELETE", f"{DEFINITIONS}/{name}", dry=dry, query=end)
        self.deleted.add(key_of(name))
        if not self.it.fleet.moods and not self.it.cluster.snapshots_of_definition(name):
            assert not reply.has_error, reply
            assert self.it.cluster.definition(name) is None, reply

    @rule(name=resources, number=st.one_of(st.none(), numbers), size=sizes_kib, dry=st.booleans())
    def create_volume(self, name: str, number: int | None, size: int, dry: bool) -> None:
        fields = {"size_kib": size} if number is None else {"size_kib": size, "volume_number": number}
        self.call("POST", f"{DEFINITIONS}/{name}/volume-definitions", {"volume_definition": fields}, dry=dry)

    @rule(name=resources, number=numbers, size=sizes_kib, props=prop_changes, dry=st.booleans())
    def resize_volume(self, name: str, number: int, size: int, props: dict[str, Any], dry: bool) -> None:
        self.call("PUT", f"{DEFINITIONS}/{name}/volume-definitions/{number}", {"size_kib": size, **props}, dry=dry)

    @rule(name=resources, number=numbers, dry=st.booleans())
    def delete_volume(self, name: str, number: int, dry: bool) -> None:
        self.call("DELETE", f"{DEFINITIONS}/{name}/volume-definitions/{number}", dry=dry)

    # Resources

    @rule(name=resources, node=nodes, pool=st.one_of(st.none(), pools), flags=st.sampled_from([[], ["INACTIVE"]]),
          dry=st.booleans())
    def create_resource(self, name: str, node: str, pool: str | None, flags: list[str], dry: bool) -> None:
        props = {} if pool is None else {"StorPoolName": pool}
        self.call("POST", f"{DEFINITIONS}/{name}/resources/{node}", {"resource": {"props": props, "flags": flags}},
                  dry=dry)

    @rule(name=resources, places=st.lists(nodes, max_size=3))
    def create_resources(self, name: str, places: list[str]) -> None:
        body = [{"resource": {"node_name": place, "props": {"StorPoolName": "thin"}}} for place in places]
        reply = self.it.request("POST", f"{DEFINITIONS}/{name}/resources", body)
        assert reply.status < 500 or 999 not in reply.codes, reply

    @rule(name=resources, rules=select_filters, dry=st.booleans())
    def autoplace(self, name: str, rules: dict[str, Any], dry: bool) -> None:
        self.call("POST", f"{DEFINITIONS}/{name}/autoplace", {"select_filter": rules}, dry=dry)

    @rule(name=resources, node=nodes, what=st.sampled_from(["activate", "deactivate", "make-available"]))
    def switch(self, name: str, node: str, what: str) -> None:
        self.call("POST", f"{DEFINITIONS}/{name}/resources/{node}/{what}", {})

    @rule(name=resources, node=nodes, dry=st.booleans(), end=ends)
    def delete_resource(self, name: str, node: str, dry: bool, end: str) -> None:
        self.call("DELETE", f"{DEFINITIONS}/{name}/resources/{node}", dry=dry, query=end)

    @rule(data=st.data())
    def forget_tombstone(self, data: st.DataObject) -> None:
        stones = sorted(self.it.cluster.tombstones)
        if stones:
            self.call("DELETE", f"/v1/tombstones/{data.draw(st.sampled_from(stones))}")
        assert len(self.it.request("GET", "/v1/tombstones").body) == len(self.it.cluster.tombstones)

    @rule(name=resources, node=nodes, props=prop_changes, number=st.one_of(st.none(), numbers))
    def modify_resource(self, name: str, node: str, props: dict[str, Any], number: int | None) -> None:
        path = f"{DEFINITIONS}/{name}/resources/{node}"
        self.call("PUT", path if number is None else f"{path}/volumes/{number}", props)

    # Snapshots and copies

    @rule(name=resources, snapshot=snapshots, places=st.lists(nodes, max_size=2), dry=st.booleans())
    def create_snapshot(self, name: str, snapshot: str, places: list[str], dry: bool) -> None:
        self.call("POST", f"{DEFINITIONS}/{name}/snapshots", {"name": snapshot, "nodes": places}, dry=dry)

    @rule(names=st.lists(resources, max_size=3), snapshot=snapshots)
    def create_snapshots_at_once(self, names: list[str], snapshot: str) -> None:
        body = {"snapshots": [{"resource_name": name, "name": snapshot} for name in names]}
        reply = self.it.request("POST", "/v1/actions/snapshot/multi", body)
        assert 999 not in reply.codes, reply

    @rule(name=resources, snapshot=snapshots, dry=st.booleans(), end=ends)
    def delete_snapshot(self, name: str, snapshot: str, dry: bool, end: str) -> None:
        self.call("DELETE", f"{DEFINITIONS}/{name}/snapshots/{snapshot}", dry=dry, query=end)

    @rule(name=resources, snapshot=snapshots, into=resources, places=st.lists(nodes, max_size=2),
          what=st.sampled_from(["resource", "volume-definition"]), dry=st.booleans())
    def restore(self, *, name: str, snapshot: str, into: str, places: list[str], what: str, dry: bool) -> None:
        self.call("POST", f"{DEFINITIONS}/{name}/snapshot-restore-{what}/{snapshot}",
                  {"to_resource": into, "nodes": places}, dry=dry)

    @rule(name=resources, snapshot=snapshots, dry=st.booleans())
    def roll_back(self, name: str, snapshot: str, dry: bool) -> None:
        self.call("POST", f"{DEFINITIONS}/{name}/snapshot-rollback/{snapshot}", {}, dry=dry)

    @rule(name=resources, clone=resources)
    def clone(self, name: str, clone: str) -> None:
        self.call("POST", f"{DEFINITIONS}/{name}/clone", {"name": clone})
        self.learn(clone)

    # Cluster-wide

    @rule(props=prop_changes)
    def modify_controller(self, props: dict[str, Any]) -> None:
        self.call("POST", "/v1/controller/properties", props)

    @rule(key=st.sampled_from(["a", "b", "c/d"]), value=st.sampled_from(["1", "two"]))
    def store_value(self, key: str, value: str) -> None:
        assert not self.call("PUT", "/v1/key-value-store/store", {"override_props": {key: value}}).has_error
        self.store[key] = value

    @precondition(lambda self: self.store)
    @rule()
    def delete_store(self) -> None:
        assert not self.call("DELETE", "/v1/key-value-store/store").has_error
        self.store.clear()

    @rule(first=nodes, second=nodes, name=st.one_of(st.none(), resources), props=prop_changes)
    def modify_connection(self, first: str, second: str, name: str | None, props: dict[str, Any]) -> None:
        path = f"/v1/node-connections/{first}/{second}"
        if name is not None:
            path = f"{DEFINITIONS}/{name}/resource-connections/{first}/{second}"
        self.call("PUT", path, props)

    @rule(view=st.sampled_from(["resources", "snapshots", "storage-pools"]), limit=st.integers(-1, 3))
    def look(self, view: str, limit: int) -> None:
        reply = self.it.request("GET", f"/v1/view/{view}", query=f"limit={limit}&offset=1")
        assert reply.status == 200 and isinstance(reply.body, list), reply


# Shrinking a history takes minutes; add Phase.shrink to have a short one of what was found.
TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=30, stateful_step_count=40, deadline=None,
                                 phases=[Phase.explicit, Phase.reuse, Phase.generate],
                                 suppress_health_check=list(HealthCheck))
