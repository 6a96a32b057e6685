"""The Perl module, method by method in taint mode, on real volumes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.plugins.proxmox.perl_module import STORE, Died, EndpointProcess, PerlModule
from tools.rest import RestConnection

MIB = 1024
BLOCK = 4096


def write(path: Path, text: bytes, offset: int = 0) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_SYNC)
    try:
        os.pwrite(descriptor, text.ljust(BLOCK, b"\0"), offset)
    finally:
        os.close(descriptor)


def read(path: Path, offset: int = 0) -> bytes:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.pread(descriptor, BLOCK, offset).rstrip(b"\0")
    finally:
        os.close(descriptor)


def activated(module: PerlModule, volume: str, snapshot: str | None = None) -> Path:
    module.on("activate_volume", volume, snapshot, {}, None)
    path = module.path(volume, snapshot)
    assert path.is_block_device()
    assert module.on("map_volume", volume, snapshot) == str(path)
    return path


def test_the_life_of_a_disk(module: PerlModule) -> None:
    assert module.allocate(100, 64 * MIB) == "vm-100-disk-0"
    assert module.allocate(100, 8 * MIB) == "vm-100-disk-1"
    assert module.names() == ["vm-100-disk-0", "vm-100-disk-1"]
    assert module.names(101) == []
    path = activated(module, "vm-100-disk-0")
    told = module.list("volume_size_info", module.section, STORE, "vm-100-disk-0", 5)
    assert told == [64 * MIB * 1024, "raw", 0, None]
    write(path, b"kept")
    module.of("volume_resize", "vm-100-disk-0", 128 * MIB * 1024, True)
    assert module.of("volume_size_info", "vm-100-disk-0") == 128 * MIB * 1024
    with pytest.raises(Died, match="shrunk"):
        module.of("volume_resize", "vm-100-disk-0", 64 * MIB * 1024, False)
    assert read(path) == b"kept"
    assert int(Path(f"/sys/class/block/{path.resolve().name}/size").read_text()) * 512 == 128 * MIB * 1024
    for _ in range(2):
        module.on("deactivate_volume", "vm-100-disk-0", None, {})
    assert not path.is_symlink()
    for _ in range(2):
        module.on("free_image", "vm-100-disk-0", 0, "raw")
    assert module.names() == ["vm-100-disk-1"]
    with pytest.raises(Died, match=f"'{STORE}:vm-100-disk-0' does not exist"):
        module.on("activate_volume", "vm-100-disk-0", None, {})


def test_disks_with_names_of_their_own(module: PerlModule) -> None:
    for name in ("vm-100-cloudinit", "vm-100-state-before", "vm-100-fleece-0"):
        assert module.allocate(100, 4 * MIB, name) == name
    # The image for cloud-init is written again at every start, wherever that is.
    assert module.allocate(100, 4 * MIB, "vm-100-cloudinit") == "vm-100-cloudinit"
    with pytest.raises(Died, match="exists already"):
        module.allocate(100, 4 * MIB, "vm-100-state-before")
    with pytest.raises(Died, match="should be 'vm-100-"):
        module.allocate(100, 4 * MIB, "vm-101-disk-0")
    # An EFI disk has 528 KiB, TPM state 4 MiB.
    efi = module.allocate(100, 528)
    assert module.of("volume_size_info", efi) == 3 * MIB * 1024
    with pytest.raises(Died, match="unsupported format 'qcow2'"):
        module.on("alloc_image", 100, "qcow2", None, 4 * MIB)


def test_snapshots_and_the_way_back(module: PerlModule) -> None:
    disk = module.allocate(100, 16 * MIB)
    path = activated(module, disk)
    for name in ("first", "First", "second"):
        write(path, name.encode())
        module.of("volume_snapshot", disk, name)
        module.of("volume_snapshot", disk, name)
    found = module.of("volume_snapshot_info", disk)
    assert set(found) == {"first", "First", "second"}
    assert {entry["virtual-size"] for entry in found.values()} == {16 * MIB * 1024}
    assert len({entry["id"] for entry in found.values()}) == 3
    write(path, b"later")
    reply = module.ask("volume_rollback_is_possible", module.section, STORE, disk, "First", [], collect=4)
    assert (reply["result"], reply["collected"]) == ([1], [])
    module.of("volume_snapshot_rollback", disk, "First")
    assert read(activated(module, disk)) == b"First"
    for _ in range(2):
        module.of("volume_snapshot_delete", disk, "first", False)
    assert set(module.of("volume_snapshot_info", disk)) == {"First", "second"}
    with pytest.raises(Died, match=r"snapshot 'first' of .* does not exist"):
        module.of("volume_snapshot_rollback", disk, "first")
    module.on("free_image", disk, 0, "raw")
    assert module.names() == []


def test_a_snapshot_is_opened_for_a_backup(module: PerlModule) -> None:
    disk = module.allocate(100, 16 * MIB)
    path = activated(module, disk)
    write(path, b"then")
    module.of("volume_snapshot", disk, "vzdump")
    write(path, b"now")
    for _ in range(2):
        copy = activated(module, disk, "vzdump")
        assert read(copy) == b"then"
    assert module.names() == [disk]
    module.on("deactivate_volume", disk, "vzdump", {})
    assert not copy.is_symlink()
    activated(module, disk, "vzdump")
    # Backups of containers do not close what they opened: deleting the snapshot has to.
    module.of("volume_snapshot_delete", disk, "vzdump", False)
    assert read(path) == b"now"
    module.on("free_image", disk, 0, "raw")


def test_templates_and_linked_clones(module: PerlModule) -> None:
    disk = module.allocate(100, 16 * MIB)
    write(activated(module, disk), b"golden")
    module.on("deactivate_volume", disk, None, {})
    template = module.on("create_base", disk)
    assert template == "base-100-disk-0"
    assert module.names() == [template]
    clones = [module.of("clone_image", template, vmid, None) for vmid in (101, 101, 102)]
    assert clones == [f"{template}/vm-101-disk-0", f"{template}/vm-101-disk-1", f"{template}/vm-102-disk-0"]
    assert module.list("parse_volname", clones[0]) == ["images", "vm-101-disk-0", 101, template, 100, None, "raw"]
    assert module.list("parse_volname", template) == ["images", template, 100, None, None, "base-", "raw"]
    write(activated(module, clones[0]), b"changed", BLOCK)
    assert [read(activated(module, clone)) for clone in clones] == [b"golden"] * 3
    assert read(activated(module, clones[1]), BLOCK) == b""
    assert module.on("list_images", 101, None, {})[0]["parent"] == template
    with pytest.raises(Died, match="still in use by linked clones"):
        module.on("free_image", template, 1, "raw")
    with pytest.raises(Died, match="is a template already"):
        module.on("create_base", template)
    assert module.of("volume_snapshot_info", template) == {}
    for clone in clones:
        module.on("deactivate_volume", clone, None, {})
        module.on("free_image", clone, 0, "raw")
    module.on("free_image", template, 1, "raw")
    assert module.names() == []


def test_a_clone_of_a_snapshot(module: PerlModule) -> None:
    disk = module.allocate(100, 16 * MIB)
    write(activated(module, disk), b"then")
    module.of("volume_snapshot", disk, "s1")
    clone = module.of("clone_image", disk, 101, "s1")
    assert clone == "vm-101-disk-0"
    assert read(activated(module, clone)) == b"then"
    with pytest.raises(Died, match="neither a template"):
        module.of("clone_image", disk, 101, None)


def test_a_disk_gets_another_owner(module: PerlModule) -> None:
    disk = module.allocate(100, 16 * MIB)
    write(activated(module, disk), b"mine")
    assert module.of("rename_volume", disk, 200, None) == f"{STORE}:vm-200-disk-0"
    again = module.allocate(100, 16 * MIB)
    assert again == disk
    assert read(activated(module, again)) == b""
    assert read(activated(module, "vm-200-disk-0")) == b"mine"
    with pytest.raises(Died, match="already exists"):
        module.of("rename_volume", again, 200, "vm-200-disk-0")
    assert module.of("rename_volume", again, 100, "vm-100-disk-7") == f"{STORE}:vm-100-disk-7"
    assert module.names() == ["vm-100-disk-7", "vm-200-disk-0"]


def test_data_are_exported_and_imported(module: PerlModule, tmp_path: Path) -> None:
    disk = module.allocate(100, 4 * MIB)
    path = activated(module, disk)
    write(path, b"first")
    module.of("volume_snapshot", disk, "s1")
    write(path, b"second")
    assert module.list("volume_export_formats", module.section, STORE, disk, None, None, 0) == ["raw+size"]
    assert module.list("volume_import_formats", module.section, STORE, disk, None, None, 1) == []
    for snapshot, text in ((None, b"second"), ("s1", b"first")):
        stream = tmp_path / f"stream-{snapshot}"
        module.of("volume_export", None, disk, "raw+size", snapshot, None, 0, file=[2, ">", str(stream)])
        assert stream.stat().st_size == 8 + 4 * MIB * 1024
        volume = module.of("volume_import", None, disk, "raw+size", snapshot, None, 0, 1, file=[2, "<", str(stream)])
        assert read(activated(module, volume.partition(":")[2])) == text
    with pytest.raises(Died, match="already exists"):
        module.of("volume_import", None, disk, "raw+size", None, None, 0, 0, file=[2, "<", str(stream)])
    with pytest.raises(Died, match="not available"):
        module.of("volume_export", None, disk, "tar+size", None, None, 0, file=[2, ">", str(stream)])
    assert module.names() == ["vm-100-disk-0", "vm-100-disk-1", "vm-100-disk-2"]


def test_status_and_identity(module: PerlModule) -> None:
    total, available, used, active = module.list("status", STORE, module.section, {})
    assert active == 1
    assert 0 < available <= total
    assert used == total - available
    nowhere = {**module.section, "linstorcore-group": "nowhere"}
    assert module.list("status", STORE, nowhere, {}) == [0, 0, 0, 0]
    assert module.of("get_identity").startswith("linstor:")
    module.call("on_add_hook", STORE, module.section)
    with pytest.raises(Died, match="nowhere"):
        module.call("on_add_hook", STORE, nowhere)
    with pytest.raises(Died, match="nowhere"):
        module.call("on_update_hook_full", STORE, module.section, {"linstorcore-group": "nowhere"}, [], {})


def test_snapshots_of_others_keep_a_volume(module: PerlModule, endpoint: EndpointProcess) -> None:
    disk = module.allocate(100, 4 * MIB)
    module.of("volume_snapshot", disk, "ours")
    with RestConnection(endpoint.cluster.address) as rest:
        resource = rest.get("/v1/resource-definitions")[0]["name"]
        rest.post(f"/v1/resource-definitions/{resource}/snapshots", {"name": "nightly"})
        with pytest.raises(Died, match="nightly"):
            module.on("free_image", disk, 0, "raw")
        assert set(module.of("volume_snapshot_info", disk)) == {"ours"}
        rest.call("DELETE", f"/v1/resource-definitions/{resource}/snapshots/nightly")
    module.on("free_image", disk, 0, "raw")
    assert module.names() == []


def test_notes_and_protection(module: PerlModule) -> None:
    volume = module.allocate(100, 8 * MIB)
    assert (module.of("get_volume_attribute", volume, "notes"), module.of("get_volume_attribute", volume, "protected"),
            module.of("get_volume_attribute", volume, "colour")) == ("", 0, None)
    module.of("update_volume_attribute", volume, "notes", "für später\nzwei Zeilen")
    module.of("update_volume_attribute", volume, "protected", 1)
    (image,) = module.on("list_images", 100, None, {})
    assert (image["notes"], image["protected"]) == ("für später\nzwei Zeilen", 1)
    assert module.of("get_volume_notes", volume, 5) == "für später\nzwei Zeilen"
    with pytest.raises(Died, match="is protected"):
        module.on("free_image", volume, 0, "raw")
    moved = module.of("rename_volume", volume, 101, None).partition(":")[2]
    assert module.of("get_volume_attribute", moved, "protected") == 1
    with pytest.raises(Died, match="attribute 'colour' is not supported"):
        module.of("update_volume_attribute", moved, "colour", "red")
    with pytest.raises(Died, match="longer than"):
        module.of("update_volume_notes", moved, "n" * 5000, 5)
    module.of("update_volume_notes", moved, None, 5)
    module.of("update_volume_attribute", moved, "protected", 0)
    (image,) = module.on("list_images", 101, None, {})
    assert not {"notes", "protected"} & set(image)
    module.on("free_image", moved, 0, "raw")
    assert module.names() == []
