"""The whole flow: CloudStack's API over HTTP, a real controller and satellite, real volumes."""

from __future__ import annotations

import time
from typing import Any

import pytest
from linstor_cloudstack import repair
from linstor_cloudstack.cloudstack_api import CloudStackApi
from linstor_cloudstack.errors import Refused
from linstor_cloudstack.repair import Reconciler

from linstor_core.domain.resource_groups import AutoSelectFilter
from linstor_core.wire import rest_bodies as bodies
from tests.plugins.cloudstack.cloudstack_server import Fault
from tests.plugins.cloudstack.site import SIZE_KIB, Site


def later(site: Site, api: CloudStackApi) -> Reconciler:
    """As an operator would find it when things are no longer in the making."""
    return Reconciler(api, site.service, {site.cluster.url}, lambda: time.time_ns() // 1_000_000 + repair.YOUNG_MS)


def test_both_sides_answer(site: Site) -> None:
    assert site.run("--times", "check") == 0
    assert site.output.startswith("CloudStack answers: 1 zones.\nLINSTOR answers: version ")
    assert site.errors.startswith("listZones: ")


def test_registering_again_changes_nothing(site: Site) -> None:
    storage = site.register("fast", "grp", "--offering", "fast any", "--offering", "fast 5=5")
    asked = site.cloud.made("createStoragePool")[0]
    assert (asked["provider"], asked["details[0].resourceGroup"], asked["scope"], asked["hypervisor"]) == (
        "Linstor", "grp", "zone", "KVM")
    assert [(item["name"], item["disksize"], item["tags"]) for item in site.cloud.offerings] == [
        ("fast any", 0, "fast"), ("fast 5", 5, "fast")]
    site.register("fast", "grp", "--offering", "fast any", "--offering", "fast 5=5")
    assert "was there already" in site.output
    assert len(site.cloud.made("createStoragePool")) == 1
    assert len(site.cloud.made("createDiskOffering")) == 2
    site.register("fast", "grp", "--tag", "nvme")
    assert storage["tags"] == "fast,nvme"


def test_registering_for_a_cluster(site: Site) -> None:
    storage = site.register("fast", "grp", "--cluster", "kvm")
    assert (storage["scope"], storage["clusterid"], storage["podid"]) == ("CLUSTER", "cluster-1", "pod-1")


@pytest.mark.parametrize("arguments, words", [
    (["--zone", "nowhere", "--group", "grp"], "no zone 'nowhere'"),
    (["--zone", "zone-1", "--group", "absent"], "no resource group 'absent'"),
    (["--zone", "zone-1", "--group", "grp", "--cluster", "none"], "no cluster 'none'"),
    (["--zone", "zone-1", "--group", "second"], "its resource group is 'grp', not 'second'"),
])
def test_registering_something_else_is_refused(site: Site, arguments: list[str], words: str) -> None:
    site.register()
    assert site.run("storage", "register", "fast", "--url", site.cluster.url, *arguments) == 1
    assert words in site.errors
    assert len(site.cloud.storages) == 1


def test_a_registration_that_got_lost_is_found(site: Site) -> None:
    site.cloud.drop["createDiskOffering"] = 1
    arguments = ["storage", "register", "fast", "--zone", "zone-1", "--url", site.cluster.url, "--group", "grp",
                 "--offering", "any"]
    assert site.run(*arguments) == 1
    assert site.run(*arguments) == 0
    assert len(site.cloud.storages) == len(site.cloud.offerings) == 1


def test_hosts_that_are_no_nodes_are_told(site: Site) -> None:
    site.cloud.hosts.append({"id": "host-2", "name": "stranger", "hypervisor": "KVM", "zoneid": "zone-1"})
    site.register()
    assert "Warning: the host stranger" in site.output


def test_report_and_repair(site: Site, api: CloudStackApi) -> None:
    storage = site.register()
    good = site.new_volume(storage)
    hidden = [site.new_volume(storage, _project=True), site.new_volume(storage, _system=True)]
    assert site.run("report") == 0
    assert site.output.startswith("0 findings; 3 volumes of CloudStack on fast, 3 definitions in LINSTOR.")

    small = site.new_volume(storage)
    small["size"] = 2 * SIZE_KIB * 1024
    lost = site.new_volume(storage)
    site.service.delete("cs-" + lost["id"])
    site.service.create("cs-orphan", "grp", SIZE_KIB)
    site.service.create("foreign", "grp", SIZE_KIB)
    site.service.snapshot("cs-" + good["id"], "cs-left-behind")
    site.service.set_props("cs-" + hidden[0]["id"], {"Aux/_cs-template-for-grp": "true"})
    assert site.kinds() == sorted([
        ("size", "cs-" + small["id"]), ("volume-missing", "cs-" + lost["id"]), ("volume-orphan", "cs-orphan"),
        ("snapshot-orphan", f"cs-{good['id']}/cs-left-behind"), ("volume-as-template", "cs-" + hidden[0]["id"])])
    assert site.run("report") == 3

    assert site.run("repair", "--kind", "size", "--kind", "volume-orphan", "--object", "cs-" + hidden[0]["id"]) == 0
    assert site.service.get("cs-" + small["id"]).size_kib == 2 * SIZE_KIB
    assert site.service.find("cs-orphan") is not None, "a kind deletes nothing"
    outcomes = list(later(site, api).repair(lambda _: False, ["cs-orphan", f"cs-{good['id']}/cs-left-behind"]))
    assert [outcome.error for outcome in outcomes] == ["", ""]
    assert site.kinds() == [("volume-missing", "cs-" + lost["id"])]
    assert {volume.name for volume in site.service.list()} == {
        "foreign", *("cs-" + item["id"] for item in (good, *hidden, small))}


def test_deleting_needs_a_name_that_the_report_has(site: Site, api: CloudStackApi) -> None:
    good = site.new_volume(site.register())
    site.service.create("cs-orphan", "grp", SIZE_KIB)
    assert site.run("repair") == 1
    assert site.run("repair", "--confirm-delete", "cs-orphan", "--confirm-delete", "cs-" + good["id"]) == 1
    assert "nothing was done" in site.errors
    assert site.run("repair", "--confirm-delete", "cs-orphan") == 1
    assert "younger than 15 minutes" in site.errors
    site.cloud.volumes.append({"id": "moving", "name": "DATA-9", "state": "Migrating"})
    with pytest.raises(Refused, match="DATA-9"):
        list(later(site, api).repair(lambda _: True, ["cs-orphan"]))
    assert site.service.find("cs-orphan") is not None
    assert site.service.find("cs-" + good["id"]) is not None


def test_an_orphan_that_is_opened_meanwhile_stays(site: Site, api: CloudStackApi) -> None:
    site.register()
    site.service.create("cs-orphan", "grp", SIZE_KIB)
    with open(site.service.make_available("cs-orphan", site.cluster.node_name), "rb"):
        errors = _errors_of_deleting(site, api, "cs-orphan")
    assert errors, "it is in use"
    assert site.service.find("cs-orphan") is not None


def _errors_of_deleting(site: Site, api: CloudStackApi, name: str) -> list[str]:
    try:
        return [outcome.error for outcome in later(site, api).repair(lambda _: False, [name]) if outcome.error]
    except Refused as refusal:
        return [str(refusal)]


def test_a_user_who_does_not_see_everything_gets_no_report(site: Site) -> None:
    site.register()
    site.service.create("cs-of-another-domain", "grp", SIZE_KIB)
    site.cloud.account_type = 2
    for arguments in (["report"], ["repair", "--confirm-delete", "cs-of-another-domain"]):
        assert site.run(*arguments) == 1
        assert "root administrator" in site.errors
    assert site.service.find("cs-of-another-domain") is not None


def test_storages_at_other_controllers_are_left_alone(site: Site) -> None:
    storage = site.register()
    site.service.create("cs-orphan", "grp", SIZE_KIB)
    storage["ipaddress"] = "http://10.9.8.7:3370"
    report = site.json("report")
    assert (report["found"], report["elsewhere"]) == ([], ["fast"])
    assert site.run("report", "--storage", "fast") == 1
    assert "not among the controllers" in site.errors


def test_draining_asks_what_becomes_of_the_volumes(site: Site) -> None:
    volume = "cs-" + site.new_volume(site.register())["id"]
    node = site.cluster.node_name
    effects = site.json("host", "what-if", node)
    assert [(effect["volume"], effect["kind"], effect["copies_before"]) for effect in effects] == [
        (volume, "unavailable", 1)]
    assert site.run("host", "drain", node) == 1
    assert volume in site.errors
    assert site.cloud.made("prepareHostForMaintenance") == []
    assert site.run("host", "drain", node, "--accept-loss", volume, "--evacuate") == 0
    assert site.cloud.hosts[0]["resourcestate"] == "Maintenance"
    assert "EVACUATE" in site.client.node(node).flags
    assert "CloudStack is at it" in site.errors
    assert site.run("host", "drain", node, "--accept-loss", volume) == 0
    assert "already" in site.output
    assert site.run("host", "enable", node) == 0
    assert site.cloud.hosts[0]["resourcestate"] == "Enabled"
    assert "EVACUATE" not in site.client.node(node).flags
    assert site.run("host", "enable", node) == 0


def test_a_host_that_is_being_drained_is_not_drained_again(site: Site) -> None:
    node = site.cluster.node_name
    site.cloud.machines_to_move = True
    assert site.run("host", "drain", node) == 0
    assert "PrepareForMaintenance now" in site.output
    assert site.run("host", "drain", node) == 0
    assert "PrepareForMaintenance now" in site.output
    assert len(site.cloud.made("prepareHostForMaintenance")) == 1
    site.cloud.hosts[0]["resourcestate"] = "ErrorInPrepareForMaintenance"
    assert site.run("host", "drain", node) == 1
    assert "host enable" in site.errors
    assert site.run("host", "enable", node) == 0
    assert site.cloud.hosts[0]["resourcestate"] == "Enabled"


@pytest.mark.parametrize("verb, words", [("maintain", "when it is Up"), ("enable", "still taking")])
def test_a_storage_on_its_way_out_of_service_is_left_alone(site: Site, verb: str, words: str) -> None:
    site.register()["state"] = "PrepareForMaintenance"
    assert site.run("storage", verb, "fast") == 1
    assert words in site.errors
    assert not site.cloud.made("enableStorageMaintenance") + site.cloud.made("cancelStorageMaintenance")


def test_a_rule_is_no_list_of_tags(site: Site) -> None:
    site.register()["istagarule"] = True
    assert site.run("storage", "register", "fast", "--zone", "zone-1", "--url", site.cluster.url, "--group", "grp",
                    "--tag", "fast") == 1
    assert "a rule instead of tags" in site.errors
    assert site.cloud.made("updateStoragePool") == []


def test_maintaining_a_storage_stops_no_machine_unasked(site: Site) -> None:
    storage = site.register()
    site.new_volume(storage, virtualmachineid="vm-1", vmname="web", vmstate="Running")
    assert site.run("storage", "maintain", "fast") == 1
    assert "web" in site.errors
    assert site.run("storage", "maintain", "fast", "--accept-stop", "web") == 0
    assert storage["state"] == "Maintenance"
    assert site.run("storage", "enable", "fast") == 0
    assert storage["state"] == "Up"
    assert site.run("storage", "enable", "fast") == 0
    assert site.run("storage", "list") == 0
    assert site.output.startswith("fast  Up  group grp at http://127.0.0.1:")


def test_capacity_and_where_the_next_volume_goes(site: Site) -> None:
    site.register()
    item = site.json("capacity", "--size", "1")[0]
    assert item["free_kib"] > 0
    assert item["total_kib"] >= item["free_kib"]
    assert item["pools"] == [f"{site.cluster.node_name}/thin"]
    assert site.run("capacity", "--size", "100000000") == 0
    assert "has no place" in site.output


def test_cloudstack_counts_all_of_the_pools(site: Site) -> None:
    storage = site.register()
    raw_kib = site.json("capacity")[0]["total_kib"]
    storage["disksizetotal"] = raw_kib * 1024
    assert site.json("capacity")[0]["hints"] == []
    site.client.modify_resource_group("grp", bodies.ResourceGroupModify(select_filter=AutoSelectFilter(place_count=2)))
    assert [hint[:33] for hint in site.json("capacity")[0]["hints"]] == ["CloudStack counts the whole space"]
    storage["disksizetotal"] = raw_kib * 1024 // 2
    assert "another size" in site.json("capacity")[0]["hints"][0]


def test_migrating_between_offerings(site: Site) -> None:
    first, second = site.register(), site.register("slow", "second", "--offering", "slow any")
    site.register("fast", "grp", "--offering", "fast any")
    source = next(item["id"] for item in site.cloud.offerings if item["name"] == "fast any")
    volumes = [site.new_volume(first, diskofferingid=source),
               site.new_volume(first, diskofferingid=source, vmname="db", virtualmachineid="2", vmstate="Stopped"),
               site.new_volume(first, diskofferingid=source, vmname="web", virtualmachineid="1", vmstate="Running")]
    site.new_volume(first, diskofferingid=source)["state"] = "Snapshotting"
    site.write("cs-" + volumes[0]["id"], b"content")

    def move(volume: dict[str, Any], asked: dict[str, str]) -> None:
        """What CloudStack and its own plugin do."""
        if volume is volumes[1] and not site.cloud.made("listZones")[1:]:
            raise Fault(530, "The host is too old")
        name = "moved-" + volume["id"]
        site.service.clone("cs-" + volume["path"], "cs-" + name, group=second["path"])
        site.service.delete("cs-" + volume["path"])
        volume["path"] = name

    site.cloud.calls.clear()
    site.cloud.hooks["migrateVolume"] = move
    assert site.run("migrate", "--from", "fast any", "--to", "slow any", "--dry-run") == 0
    assert site.output.count(" to slow") == 2
    assert site.cloud.made("migrateVolume") == []
    assert site.run("migrate", "--from", "fast any", "--to", "slow any") == 1
    assert f"[1/2] {volumes[0]['name']}: moved" in site.output
    assert f"[2/2] {volumes[1]['name']}: CloudStack could not finish" in site.output
    assert "under way for" in site.errors
    assert f"Skipped: {volumes[2]['name']} is used by web, which is Running" in site.errors
    assert len(site.cloud.made("migrateVolume")) == 2
    assert site.read("cs-" + volumes[0]["path"]) == b"content"
    site.run("check")
    site.run("check")
    assert site.run("migrate", "--from", "fast any", "--to", "slow any") == 0
    assert site.output == f"[1/1] {volumes[1]['name']}: moved\n"
    volumes[2]["vmstate"] = "Stopped"
    assert site.run("migrate", "--from", "fast any", "--to", "slow any") == 0
    assert {item["storageid"] for item in volumes} == {second["id"]}
    assert site.kinds() == []


def test_a_target_must_fit(site: Site) -> None:
    site.register("fast", "grp", "--offering", "fast any")
    site.register("slow", "second", "--offering", "slow any")
    assert site.run("migrate", "--from", "fast any", "--to", "slow any", "--storage", "fast") == 1
    assert "lacks tags" in site.errors
    site.cloud.storages[1]["state"] = "Maintenance"
    assert site.run("migrate", "--from", "fast any", "--to", "slow any") == 1
    assert "No Linstor storages fit" in site.errors


def test_a_controller_that_is_away_is_said(site: Site) -> None:
    site.register()
    site.config.write_text(site.config.read_text().replace(site.cluster.url, "http://127.0.0.1:1"))
    assert site.run("report") == 1
    assert "No controller can be reached" in site.errors
