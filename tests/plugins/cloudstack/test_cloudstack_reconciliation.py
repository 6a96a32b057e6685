"""What is a finding, and what is none. Values in, values out."""

from __future__ import annotations

import pytest
from linstor_cloudstack.inventory import CloudSide, LinstorSide, Replica, Stored, StoredSnapshot
from linstor_cloudstack.maintenance import what_if
from linstor_cloudstack.reconciliation import (
    ADD_REFERENCE,
    DELETE_SNAPSHOT,
    DELETE_VOLUME,
    DROP_REFERENCES,
    GROW,
    PLACE,
    Finding,
    findings,
)
from linstor_cloudstack.records import REFERENCE, CloudSnapshot, CloudVolume, Storage

STORAGE = Storage("s1", "fast", "Up", "Linstor", "grp", "http://c:3370")
TEMPLATE = "0f0e0d0c-1111-2222-3333-444455556666"
GOOD = (Replica("node1"), Replica("node2"))


def volume(name: str, state: str = "Ready", size_kib: int = 1024, storage: str = "s1") -> CloudVolume:
    return CloudVolume(name, name, state, name, size_kib * 1024, storage)


def stored(name: str, size_kib: int = 1024, *, group: str = "grp", props: dict[str, str] | None = None,
           replicas: tuple[Replica, ...] = GOOD, in_use_on: tuple[str, ...] = ()) -> Stored:
    return Stored(name, group, size_kib, props or {}, replicas, in_use_on)


def linstor(*definitions: Stored, snapshots: tuple[tuple[str, str], ...] = ()) -> LinstorSide:
    return LinstorSide({item.name.upper(): item for item in definitions},
                       {(volume.upper(), name.upper()): StoredSnapshot(volume, name) for volume, name in snapshots},
                       {"GRP": 2}, nodes=frozenset({"node1", "node2", "node3"}))


def cloud(*volumes: CloudVolume, snapshots: tuple[CloudSnapshot, ...] = (), machine: frozenset[str] = frozenset(),
          templates: frozenset[str] = frozenset(), other: frozenset[str] = frozenset()) -> CloudSide:
    return CloudSide((STORAGE,), volumes, snapshots, machine, templates, other)


def kinds(found: tuple[Finding, ...]) -> list[tuple[str, str, str]]:
    return [(finding.kind, finding.subject, finding.repair) for finding in found]


def test_what_agrees_is_no_finding() -> None:
    side = linstor(stored("cs-a"), stored("CS-B"), stored(f"cs-{TEMPLATE}", props={REFERENCE + "grp": "true"}),
                   snapshots=(("cs-a", "cs-snap"), ("cs-a", "i-2-3-VM_VS_2026"), ("cs-a", "nightly")))
    assert findings(cloud(volume("a"), volume("b"), snapshots=(CloudSnapshot("snap", "s", "a", "BackedUp", "PRIMARY"),),
                          machine=frozenset({"I-2-3-VM_VS_2026"}), templates=frozenset({TEMPLATE})), side) == ()


@pytest.mark.parametrize("state", ["Allocated", "Creating", "Expunging"])
def test_a_volume_that_is_not_yet_or_no_longer_there_is_no_finding(state: str) -> None:
    assert findings(cloud(volume("a", state)), linstor()) == ()


def test_a_volume_that_linstor_lacks() -> None:
    assert kinds(findings(cloud(volume("a")), linstor())) == [("volume-missing", "cs-a", "")]


def test_orphans_are_only_what_cloudstack_names_in_its_groups() -> None:
    side = linstor(stored("cs-gone"), stored("mine"), stored("cs-other", group="another"), stored("cs-Temp-x"))
    assert kinds(findings(cloud(volume("elsewhere", storage="nfs")), side)) == [
        ("temporary", "cs-Temp-x", DELETE_VOLUME), ("volume-orphan", "cs-gone", DELETE_VOLUME)]


def test_what_cloudstack_is_making_is_no_orphan() -> None:
    side = linstor(stored("cs-Temp-s"), stored("cs-a", group="other", props={REFERENCE + "grp": "true"}))
    made = CloudSnapshot("s", "s", "gone", "BackingUp", "PRIMARY")
    assert kinds(findings(cloud(volume("a", "Creating"), snapshots=(made,)), side)) == [("temporary", "cs-Temp-s", "")]


def test_a_copy_that_a_backup_reads_from_stays_till_the_backup_is_over() -> None:
    side = linstor(stored("cs-a"), stored("cs-a-rst"), stored("cs-gone-rst"))
    at_work = (CloudSnapshot("s", "s", "a", "BackingUp", ""),)
    assert kinds(findings(cloud(volume("a"), snapshots=at_work), side)) == [
        ("temporary", "cs-a-rst", ""), ("temporary", "cs-gone-rst", DELETE_VOLUME)]
    over = (CloudSnapshot("s", "s", "a", "BackedUp", ""),)
    assert kinds(findings(cloud(volume("a"), snapshots=over), side)) == [
        ("temporary", "cs-a-rst", DELETE_VOLUME), ("temporary", "cs-gone-rst", DELETE_VOLUME)]


def test_a_volume_on_another_storage_is_no_orphan() -> None:
    assert findings(cloud(volume("a", storage="s2")), linstor(stored("cs-a"))) == ()


def test_an_orphan_in_use_or_with_snapshots_that_cloudstack_knows_is_not_deleted() -> None:
    side = linstor(stored("cs-a", in_use_on=("node1",)), stored("cs-b"), snapshots=(("cs-b", "cs-s"),))
    found = findings(cloud(snapshots=(CloudSnapshot("s", "s", "b", "BackedUp", "PRIMARY"),)), side)
    assert kinds(found) == [("volume-orphan", "cs-a", ""), ("volume-orphan", "cs-b", "")]


def test_sizes() -> None:
    side = linstor(stored("cs-small", 1000), stored("cs-large", 9000), stored("cs-rounded", 2000))
    found = findings(cloud(volume("small"), volume("large"), volume("rounded")), side)
    assert kinds(found) == [("size", "cs-large", ""), ("size", "cs-small", GROW)]
    assert found[1].size_kib == 1024


def test_replicas_that_are_missing_or_do_not_count() -> None:
    side = linstor(stored("cs-a", replicas=(Replica("node1"),)),
                   stored("cs-b", replicas=(Replica("node1"), Replica("node2", "its node is not connected"))),
                   stored("cs-c", replicas=()))
    assert kinds(findings(cloud(volume("a"), volume("b"), volume("c")), side)) == [
        ("replica-fault", "cs-b", ""), ("replicas", "cs-a", PLACE), ("replicas", "cs-c", "")]


def test_a_volume_in_another_group() -> None:
    assert kinds(findings(cloud(volume("a")), linstor(stored("cs-a", group="other")))) == [("group", "cs-a", "")]


def test_reference_counts_of_templates() -> None:
    stale = {REFERENCE + "grp": "true", REFERENCE + "former": "true", REFERENCE + "second": "true"}
    known = frozenset({TEMPLATE, TEMPLATE.replace("0", "1"), TEMPLATE.replace("0", "2")})
    side = linstor(stored(f"cs-{TEMPLATE}", props=stale), stored("cs-" + TEMPLATE.replace("0", "1")),
                   stored("cs-" + TEMPLATE.replace("0", "2") + "-grp", props={REFERENCE + "former": "true"}),
                   stored("cs-" + TEMPLATE.replace("0", "3"), props={REFERENCE + "grp": "true"}),
                   stored("cs-" + TEMPLATE.replace("0", "4"), props={REFERENCE + "former": "true"}),
                   stored("cs-half-cloned", props={REFERENCE + "grp": "true"}))
    found = findings(cloud(volume("half-cloned"), templates=known, other=frozenset({"SECOND"})), side)
    assert {(finding.kind, finding.subject, finding.repair, finding.keys) for finding in found} == {
        ("template-reference", f"cs-{TEMPLATE}", DROP_REFERENCES, (REFERENCE + "former",)),
        ("template-reference", "cs-" + TEMPLATE.replace("0", "1"), ADD_REFERENCE, (REFERENCE + "grp",)),
        ("template-reference", "cs-" + TEMPLATE.replace("0", "2") + "-grp", "", ()),
        ("template-orphan", "cs-" + TEMPLATE.replace("0", "3"), "", ()),
        ("template-orphan", "cs-" + TEMPLATE.replace("0", "4"), DELETE_VOLUME, ()),
        ("volume-as-template", "cs-half-cloned", DROP_REFERENCES, (REFERENCE + "grp",))}


def test_snapshots_on_either_side() -> None:
    known = (CloudSnapshot("here", "h", "a", "BackedUp", "PRIMARY"),
             CloudSnapshot("gone", "g", "a", "BackedUp", "PRIMARY"),
             CloudSnapshot("moved", "m", "a", "BackedUp", "SECONDARY"),
             CloudSnapshot("new", "n", "a", "Creating", "PRIMARY"))
    side = linstor(stored("cs-a"), snapshots=(("cs-a", "cs-here"), ("cs-a", "cs-left"), ("cs-a", "i-1-VM_VS_1"),
                                             ("cs-a", "by-hand")))
    assert kinds(findings(cloud(volume("a"), snapshots=known), side)) == [
        ("snapshot-missing", "cs-a/cs-gone", ""), ("snapshot-orphan", "cs-a/cs-left", DELETE_SNAPSHOT),
        ("snapshot-orphan", "cs-a/i-1-VM_VS_1", DELETE_SNAPSHOT)]


def test_what_a_node_takes_with_it() -> None:
    side = linstor(
        stored("only", replicas=(Replica("node1"),), in_use_on=("node1",)),
        stored("last", replicas=GOOD), stored("elsewhere", replicas=(Replica("node2"), Replica("node3"))),
        stored("fewer", replicas=(*GOOD, Replica("node3"))),
        stored("opened", replicas=(Replica("node2"),), in_use_on=("node1",)),
        stored("stale", replicas=(Replica("node1"), Replica("node2", "its data is Outdated"))))
    assert [(effect.volume, effect.kind, effect.copies_after, effect.in_use) for effect in what_if(side, "NODE1")] == [
        ("only", "unavailable", 0, True), ("stale", "unavailable", 0, False), ("last", "last-copy", 1, False),
        ("fewer", "reduced", 2, False), ("opened", "moved", 1, True)]
