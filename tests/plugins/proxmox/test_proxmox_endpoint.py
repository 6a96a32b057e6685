"""What a storage meets in life: other nodes, lost answers, controllers that are away, LINBIT's volumes, old hosts."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from linstor_proxmox import volume_names
from linstor_proxmox.endpoint import SOCKET, Endpoint
from linstor_proxmox.node_links import NodeLinks
from linstor_proxmox.refusals import Refused

from tests.client.scripted_controller import ScriptedController, scripted_controller
from tests.plugins.proxmox.perl_module import (
    GROUP,
    PERL,
    PLUGIN,
    STORE,
    Died,
    EndpointProcess,
    PerlModule,
    endpoint_process,
    start_endpoint,
    wait_until,
)
from tools import processes
from tools.rest import RestConnection
from tools.services import CHECKOUT, Service

MIB = 1024
MODULE = PLUGIN / "perl/PVE/Storage/Custom/LinstorCorePlugin.pm"


def ask(endpoint: Endpoint, section: dict[str, str], call: str, /, **arguments: object) -> Any:
    request = {"call": call, "storage": STORE, "config": section, "arguments": arguments}
    reply = json.loads(endpoint.answer(json.dumps(request).encode()))
    if "error" in reply:
        raise Died(reply["error"])
    return reply["result"]


@pytest.mark.parametrize(("host", "told"), [(9, 9), (12, 12), (15, 15), (16, 15)])
def test_the_version_of_the_storage_interface(tmp_path: Path, host: int, told: int) -> None:
    module = PerlModule(tmp_path / "none", {}, api_version=host)
    assert module.call("api") == told
    module.close()


def test_what_is_registered(tmp_path: Path) -> None:
    module = PerlModule(tmp_path / "none", {})
    assert module.call("type") == "linstorcore"
    assert module.call("plugindata")["content"] == [{"images": 1, "rootdir": 1}, {"images": 1}]
    # Properties of all plugins share one namespace; these are the names that LINBIT's plugin has.
    linbit = {"controller", "resourcegroup", "preferlocal", "exactsize", "allowtwoprimaries", "statuscache", "apicrt",
              "apikey", "apica", "clusterlocktimeout", "searchdomain"}
    properties = module.call("properties")
    assert not linbit & set(properties)
    assert set(properties) <= set(module.call("options"))
    with pytest.raises(Died, match=r"no endpoint at .*systemctl start"):
        module.list("status", STORE, {}, {})
    module.close()


def test_an_old_host_is_refused(tmp_path: Path) -> None:
    module = PerlModule(tmp_path / "none", {}, api_version=8)
    with pytest.raises(Died, match="needs the storage API 9"):
        module.call("api")
    module.close()


@pytest.fixture(scope="session")
def perlcritic() -> str:
    if shutil.which("perlcritic") is None:
        processes.run(["apt-get", "-qq", "install", "-y", "--no-install-recommends", "libperl-critic-perl"],
                      environment={"DEBIAN_FRONTEND": "noninteractive", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    return "perlcritic"


def test_perlcritic_finds_nothing(perlcritic: str) -> None:
    processes.run([perlcritic, "--stern", "--quiet", str(MODULE)])
    processes.run([perlcritic, "--gentle", "--quiet", str(PERL)])


@pytest.mark.parametrize(("text", "vmid", "template"), [
    ("vm-100-disk-0", 100, ""), ("base-9-disk-1", 9, ""), ("base-9-disk-1/vm-10-disk-0", 10, "base-9-disk-1"),
    ("vm-100-state-a.b+c", 100, ""), ("pm-0123abcd_77", 77, ""), ("vm-1-pvc-8e1c", 1, "")])
def test_names(text: str, vmid: int, template: str) -> None:
    name = volume_names.parse(text)
    assert (name.vmid, name.template, str(name)) == (vmid, template, text)


@pytest.mark.parametrize("text", ["", "vm-disk", "vm-0-disk-0", "100/vm-100-disk-0.raw", "vm-1-disk-0/vm-2-disk-0",
                                  "../vm-1-x", "vm-1-a/b", "vm-1-a b", "pm-0123ABCD_1", "vm-100-disk-0\n"])
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(Refused):
        volume_names.parse(text)


@pytest.mark.parametrize("name", ["snap", "Snap", "SNAP", "a_b-c", "Ab-123", "__migration__", "a" * 40, "A" * 40])
def test_snapshot_names_survive(name: str) -> None:
    snapshot = volume_names.snapshot_name(name)
    assert len(snapshot) <= 48
    assert volume_names.platform_snapshot("pve-1", snapshot) == name


def test_snapshot_names_that_differ_in_case_differ() -> None:
    assert len({volume_names.snapshot_name(name).upper() for name in ("snap", "Snap", "SNAP", "snaP")}) == 4


def test_two_nodes_take_disks_at_once(endpoint: EndpointProcess, tmp_path: Path) -> None:
    """As if the lock of the cluster had failed: no two get one disk, none is lost."""
    nodes = [Endpoint(name, NodeLinks(tmp_path / name)) for name in ("pve1", "pve2", "pve3")]
    taken: list[str] = []

    def take(node: Endpoint) -> None:
        for _ in range(4):
            taken.append(ask(node, endpoint.section, "alloc_image", vmid=100, format="raw", size_kib=4 * MIB))

    threads = [threading.Thread(target=take, args=(node,)) for node in nodes for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 24
    listed = [image["volid"] for image in ask(nodes[0], endpoint.section, "list_images")]
    for node in nodes:
        node.close()
    assert sorted(listed) == sorted(f"{STORE}:{name}" for name in taken)


def test_a_template_that_was_half_made_is_finished(endpoint: EndpointProcess, module: PerlModule) -> None:
    disk = module.allocate(100, 4 * MIB)
    module.of("volume_snapshot", disk, "__base__")
    assert module.of("volume_snapshot_info", disk) == {}
    assert module.on("create_base", disk) == "base-100-disk-0"


def test_the_endpoint_starts_again(endpoint: EndpointProcess, module: PerlModule) -> None:
    disk = module.allocate(100, 4 * MIB)
    module.on("activate_volume", disk, None, {})
    processes.kill(endpoint.identity)
    with pytest.raises(Died, match="endpoint"):
        module.names()
    endpoint.socket.unlink()
    endpoint.identity = start_endpoint(endpoint.socket.parent, endpoint.cluster.node_name, endpoint.log)
    assert module.names() == [disk]
    assert module.path(disk).is_block_device()
    processes.stop(endpoint.identity)


def test_a_controller_that_is_away(endpoint: EndpointProcess, module: PerlModule) -> None:
    disk = module.allocate(100, 4 * MIB)
    module.on("activate_volume", disk, None, {})
    processes.stop(endpoint.cluster.identity)
    with pytest.raises(Died, match="No controller can be reached"):
        module.allocate(100, 4 * MIB)
    # A name outside of /dev may be of an earlier boot, and its device another volume's by now: it proves nothing.
    with pytest.raises(Died, match="can't be activated"):
        module.on("activate_volume", disk, None, {})
    module.on("deactivate_volume", disk, None, {})


def test_a_device_that_carries_its_name_is_used_without_controller(tmp_path: Path, root_required: None) -> None:
    links = NodeLinks(tmp_path, tmp_path)
    link = links.path(STORE, volume_names.parse("vm-1-disk-0"))
    backing, device = tmp_path / "backing", tmp_path / "by-res-pve-12"
    backing.write_bytes(bytes(1024 * 1024))
    loop = processes.run(["losetup", "--find", "--show", str(backing)]).strip()
    try:
        device.symlink_to(loop)
        links.point(link, str(device))
        assert links.proven_device(link) == ""
        links.remember(link, "pve-12")
        assert links.proven_device(link) == str(device)
        assert NodeLinks(tmp_path).proven_device(link) == "", "outside of /dev a name may be of an earlier boot"
        links.remember(link, "pve-99")
        assert links.proven_device(link) == ""
        links.remove(link)
        assert links.proven_device(link) == ""
        assert list(link.parent.iterdir()) == []
    finally:
        processes.run(["losetup", "--detach", loop])


def test_secrets_are_guarded(endpoint: EndpointProcess, module: PerlModule) -> None:
    secrets = Path(endpoint.section["linstorcore-secrets"])
    secrets.write_text('{"token": "t"}')
    secrets.chmod(0o644)
    with pytest.raises(Died, match=f"can be read by others: chmod 600 {secrets}"):
        module.names()
    secrets.chmod(0o600)
    assert module.names() == []
    secrets.write_text('{"tokn": "t"}')
    with pytest.raises(Died, match="unknown tokn"):
        module.names()


def test_what_the_socket_is_told_wrong(endpoint: EndpointProcess) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(endpoint.socket))
        answers = connection.makefile("rb")
        for line, word in ((b"nonsense", "JSON"), (b'{"call": "x"}', "resource group"),
                           (json.dumps({"call": "fly", "storage": "s", "config": endpoint.section}).encode(), "fly"),
                           (json.dumps({"call": "free_image", "storage": "s", "config": endpoint.section}).encode(),
                            "lacks 'volname'")):
            connection.sendall(line + b"\n")
            assert word in json.loads(answers.readline())["error"]
    assert endpoint.socket.stat().st_mode & 0o777 == 0o600


@pytest.fixture
def taken_over(endpoint: EndpointProcess, cluster: Service, tmp_path: Path) -> Iterator[PerlModule]:
    """A storage over what LINBIT's plugin left: two volumes with a snapshot."""
    with RestConnection(cluster.address) as rest:
        for name, vmid in (("vm-100-disk-1", "100"), ("pm-0123abcd", "101"), ("unrelated", "")):
            rest.post(f"/v1/resource-groups/{GROUP}/spawn",
                      {"resource_definition_name": name, "volume_sizes": [4 * MIB]})
            rest.call("PUT", f"/v1/resource-definitions/{name}", {"override_props": {"Aux/pm/vmid": vmid or "0"}})
        rest.post("/v1/resource-definitions/pm-0123abcd/snapshots", {"name": "snap_pm-0123abcd_before"})
    with endpoint_process(cluster, tmp_path / "over", **{"linstorcore-takeover": "1"}) as running:
        perl = PerlModule(running.socket, running.section)
        try:
            yield perl
        finally:
            perl.close()


def test_volumes_of_linbits_plugin_are_taken_over(taken_over: PerlModule, module: PerlModule) -> None:
    assert taken_over.names() == ["pm-0123abcd_101", "vm-100-disk-1"]
    assert module.names() == []
    taken_over.on("activate_volume", "pm-0123abcd_101", None, {})
    assert taken_over.path("pm-0123abcd_101").is_block_device()
    assert set(taken_over.of("volume_snapshot_info", "pm-0123abcd_101")) == {"before"}
    taken_over.of("volume_snapshot", "pm-0123abcd_101", "after")
    taken_over.of("volume_snapshot_rollback", "pm-0123abcd_101", "before")
    assert taken_over.allocate(100, 4 * MIB) == "vm-100-disk-0"
    assert taken_over.allocate(100, 4 * MIB) == "vm-100-disk-2"
    assert taken_over.of("rename_volume", "pm-0123abcd_101", 102, None) == f"{STORE}:vm-102-disk-0"
    assert set(taken_over.of("volume_snapshot_info", "vm-102-disk-0")) == {"before", "after"}
    assert taken_over.on("create_base", "vm-100-disk-1") == "base-100-disk-1"
    clone = taken_over.of("clone_image", "base-100-disk-1", 103, None)
    for volume in (clone, "base-100-disk-1", "vm-102-disk-0"):
        taken_over.on("free_image", volume, 0, "raw")
    assert taken_over.names() == ["vm-100-disk-0", "vm-100-disk-2"]


DEFINITION = {"name": "pve-1", "resource_group_name": GROUP, "uuid": "u", "props": {
    "Aux/pve/storage": STORE, "Aux/pve/name": "vm-100-disk-0", "Aux/pve/vmid": "100"},
    "volume_definitions": [{"volume_number": 0, "size_kib": 4096}]}


def _replica(node: str, in_use: bool) -> dict[str, Any]:
    return {"name": "pve-1", "node_name": node, "state": {"in_use": in_use},
            "volumes": [{"volume_number": 0, "device_path": "/dev/drbd1000"}]}


@pytest.fixture
def script() -> Iterator[ScriptedController]:
    with scripted_controller() as controller:
        place = "/v1/resource-definitions/pve-1/resources/target"
        controller.answer("GET /v1/resource-definitions", [DEFINITION])
        controller.answer(f"POST {place}/make-available", [])
        controller.answer(f"GET {place}/volumes/0", _replica("target", False)["volumes"][0])
        yield controller


def test_a_refused_removal_costs_no_snapshot(script: ScriptedController, tmp_path: Path) -> None:
    section = {"linstorcore-group": GROUP, "linstorcore-controllers": script.url,
               "linstorcore-secrets": str(tmp_path / "none")}
    script.answer("GET /v1/view/resources", [_replica("target", True)])
    with closing(Endpoint("target", NodeLinks(tmp_path), closing_s=0.1)) as node, \
            pytest.raises(Died, match=f"'{STORE}:vm-100-disk-0' is in use on target"):
        ask(node, section, "free_image", volname="vm-100-disk-0")
    assert {call.split()[0] for call in script.asked} == {"GET"}


def test_a_live_migration_opens_a_window_and_closes_it(script: ScriptedController, tmp_path: Path) -> None:
    endpoint = Endpoint("target", NodeLinks(tmp_path))
    section = {"linstorcore-group": GROUP, "linstorcore-controllers": script.url,
               "linstorcore-secrets": str(tmp_path / "none")}
    script.answer("GET /v1/view/resources", [_replica("source", True), _replica("target", False)])
    window = "/v1/resource-definitions/pve-1/resource-connections/source/target/migration-window"
    script.answer(f"POST {window}", [])
    script.answer(f"PUT {window}", [])
    script.answer(f"GET {window}", {"expires_ms": 1})
    script.answer(f"DELETE {window}", [])
    ask(endpoint, section, "activate_volume", volname="vm-100-disk-0")
    writes = [call for call in script.asked if "migration-window" in call and not call.startswith("GET")]
    assert len(writes) == 1
    endpoint.node.migrations.renew(endpoint.sessions)
    script.answer("GET /v1/view/resources", [_replica("source", True), _replica("target", True)])
    endpoint.node.migrations.renew(endpoint.sessions)
    script.answer("GET /v1/view/resources", [_replica("source", False), _replica("target", True)])
    for _ in range(2):
        endpoint.node.migrations.renew(endpoint.sessions)
    writes = [call.split()[0] for call in script.asked if "migration-window" in call and not call.startswith("GET")]
    assert writes[-1] == "DELETE"
    assert len(writes) == 4
    endpoint.close()


def test_status_under_a_thousand_volumes(script: ScriptedController, tmp_path: Path) -> None:
    script.answer("GET /v1/resource-definitions", [
        {**DEFINITION, "name": f"pve-{number}", "props": {
            "Aux/pve/storage": STORE, "Aux/pve/name": f"vm-{100 + number}-disk-0", "Aux/pve/vmid": str(100 + number)}}
        for number in range(1000)])
    script.answer(f"POST /v1/resource-groups/{GROUP}/query-size-info", {
        "space_info": {"max_vlm_size_in_kib": 10, "available_size_in_kib": 20, "capacity_in_kib": 30}})
    identity = start_endpoint(tmp_path, "target", tmp_path / "log")
    section = {"linstorcore-group": GROUP, "linstorcore-controllers": script.url,
               "linstorcore-secrets": str(tmp_path / "none")}
    module = PerlModule(tmp_path / "endpoint.sock", section)
    try:
        assert module.list("status", STORE, section, {}) == [30 * 1024, 20 * 1024, 10 * 1024, 1]
        asked = len(script.asked)
        times = []
        for _ in range(100):
            begun = time.perf_counter()
            module.list("status", STORE, section, {})
            times.append(time.perf_counter() - begun)
        assert len(script.asked) == asked
        assert sorted(times)[50] < 0.005
        assert len(module.names()) == 1000
    finally:
        module.close()
        processes.stop(identity)


def test_module_unit_and_endpoint_agree_on_the_socket() -> None:
    assert f"'{SOCKET}'" in MODULE.read_text()
    assert f"ListenStream={SOCKET}\n" in (PLUGIN / "systemd/linstor-proxmox.socket").read_text()


def test_a_socket_that_systemd_hands_over_is_used(tmp_path: Path) -> None:
    place = tmp_path / "passed.sock"
    starter = (f"import os, socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.bind({str(place)!r})\ns.listen()\n"
               "os.dup2(s.fileno(), 3)\nos.set_inheritable(3, True)\nos.environ['LISTEN_PID'] = str(os.getpid())\n"
               "os.environ['LISTEN_FDS'] = '1'\n"
               "os.execv(sys.executable, [sys.executable, '-P', '-m', 'linstor_proxmox.endpoint', '--node', 'n'])\n")
    environment = {**os.environ, "PYTHONPATH": f"{CHECKOUT}:{PLUGIN}"}
    identity = processes.start([sys.executable, "-c", starter], tmp_path / "log", environment)
    module = PerlModule(place, {})
    try:
        wait_until(place.exists)
        assert module.list("parse_volname", "vm-1-disk-0")[2] == 1
    finally:
        module.close()
        processes.stop(identity)
