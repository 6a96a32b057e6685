"""The administrator's tool: installer, settings, and pyone against an XML-RPC server of OpenNebula's shape."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from xmlrpc.server import SimpleXMLRPCRequestHandler, SimpleXMLRPCServer

import pytest
from linstor_opennebula import install, settings
from linstor_opennebula.admin_commands import administrate
from linstor_opennebula.errors import BadSettings, Refused
from linstor_opennebula.opennebula_api import OpenNebula
from linstor_opennebula.reconciliation import Known, compare

from linstor_core.client.volumes import Volume, VolumeService
from tests.plugins.opennebula.conftest import Platform, mark_incomplete

SECRET = "oneadmin:secret"


class Oned:
    """Answers in oned's form: (success, document or number, code)."""

    def __init__(self, datastore: str) -> None:
        self.datastore = datastore
        self.templates: list[str] = []

    def _dispatch(self, method: str, arguments: tuple[object, ...]) -> tuple[bool, object, int]:
        if arguments[0] != SECRET:
            return False, "[one] User couldn't be authenticated, aborting.", 0x0100
        if method == "one.datastore.allocate":
            self.templates.append(str(arguments[1]))
            return True, 105, 0
        documents = {"one.datastorepool.info": f"<DATASTORE_POOL>{self.datastore}</DATASTORE_POOL>",
                     "one.imagepool.info": f"<IMAGE_POOL>{_images()}</IMAGE_POOL>",
                     "one.vmpool.infoextended": f"<VM_POOL>{_MACHINE}</VM_POOL>"}
        return True, documents[method], 0


def _images() -> str:
    rows = ((3, 8, "OpenNebula-Image-3", 1), (4, 8, "OpenNebula-Image-4", 1), (5, 64, "OpenNebula-Image-5", 1),
            (6, 8, "", 5))
    return "".join(
        f"<IMAGE><ID>{number}</ID><NAME>i{number}</NAME><TYPE>0</TYPE><SOURCE>{source}</SOURCE><PATH></PATH>"
        f"<SIZE>{size}</SIZE><STATE>{state}</STATE><DATASTORE_ID>100</DATASTORE_ID></IMAGE>"
        for number, size, source, state in rows)


_MACHINE = ("<VM><ID>7</ID><NAME>m</NAME><TEMPLATE><DISK><DISK_ID>0</DISK_ID><SIZE>8</SIZE><TM_MAD>linstor</TM_MAD>"
            "<SOURCE>OpenNebula-Image-3</SOURCE></DISK><DISK><DISK_ID>1</DISK_ID><SIZE>8</SIZE>"
            "<TM_MAD>linstor</TM_MAD></DISK></TEMPLATE></VM>")


class _Quiet(SimpleXMLRPCRequestHandler):
    def log_message(self, *_: object) -> None:
        """The test says what matters."""


@pytest.fixture
def oned(platform: Platform) -> Iterator[Oned]:
    pytest.importorskip("pyone")
    found = Oned(platform.datastore_xml())
    with SimpleXMLRPCServer(("127.0.0.1", 0), _Quiet, allow_none=True) as server:
        server.register_instance(found)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        auth = platform.folder / "one_auth"
        auth.write_text(SECRET + "\n")
        auth.chmod(0o600)
        with (platform.remotes / settings.FILE).open("a") as stream:
            stream.write(f'one_endpoint = "http://127.0.0.1:{server.server_address[1]}/RPC2"\n'
                         f'one_auth_file = "{auth}"\n')
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()


def _run(platform: Platform, *arguments: str) -> int:
    return administrate(["--remotes", str(platform.remotes), *arguments])


def test_register(oned: Oned, platform: Platform, capsys: pytest.CaptureFixture[str]) -> None:
    given = ("register", "ssd", "--group", "grp", "--controllers", platform.controller)
    assert _run(platform, *given, "--bridges", "node1 node2") == 0
    assert "ID: 105" in capsys.readouterr().out
    assert 'BRIDGE_LIST="node1 node2"' in oned.templates[0]
    assert 'TYPE="IMAGE_DS"' in oned.templates[0]
    assert _run(platform, *given, "--system") == 0
    assert "DS_MAD" not in oned.templates[1]
    assert _run(platform, "register", "ssd", "--group", "none", "--controllers", platform.controller) == 1
    assert _run(platform, "register", 'a"b', "--group", "grp", "--controllers", platform.controller) == 1
    assert len(oned.templates) == 2


def test_reconcile(oned: Oned, platform: Platform, volumes: VolumeService,
                   capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("OpenNebula-Image-3", "OpenNebula-Image-5", "OpenNebula-Image-9", "OpenNebula-Image-10", "others",
                 "OpenNebula-Volatile-vm7-disk1"):
        volumes.create(name, "grp", 8 * 1024)
    mark_incomplete(volumes.client, "OpenNebula-Image-10")
    assert _run(platform, "reconcile") == 3
    found = {tuple(line.split(":")[0].split()) for line in capsys.readouterr().out.splitlines()}
    assert found == {("lost", "OpenNebula-Image-4"), ("lost", "OpenNebula-Image-3-vm7-disk0"),
                     ("size", "OpenNebula-Image-5"), ("orphan", "OpenNebula-Image-9"), ("half", "OpenNebula-Image-10")}
    assert _run(platform, "reconcile", "--repair", "half", "--repair", "orphan", "--repair", "size") == 3
    assert volumes.get("OpenNebula-Image-5").size_kib == 64 * 1024
    assert {volume.name for volume in volumes.list()} == {
        "OpenNebula-Image-3", "OpenNebula-Image-5", "others", "OpenNebula-Volatile-vm7-disk1"}


def test_opennebulas_refusal_is_shown(oned: Oned, platform: Platform, capsys: pytest.CaptureFixture[str]) -> None:
    (platform.folder / "one_auth").write_text("nobody:else")
    assert _run(platform, "reconcile") == 1
    assert "couldn't be authenticated" in capsys.readouterr().err


def test_comparison() -> None:
    known = [Known("OpenNebula-Image-1", 8, "image 1"), Known("OpenNebula-Image-2", 0, "image 2")]
    volumes = [Volume("opennebula-image-1", 8 * 1024, "grp", nodes=("a",)), Volume("OpenNebula-Image-2", 1, "grp"),
               Volume("database", 1, "grp"), Volume("db-vm1-disk0", 1, "grp", nodes=("a",)),
               Volume("OpenNebula-vm-context-vm1-disk1", 1, "grp", nodes=("a",))]
    assert [(each.kind, each.volume) for each in compare(known, volumes)] == [("nowhere", "OpenNebula-Image-2")]


def test_a_single_disk_is_no_list() -> None:
    disk = {"DISK_ID": "2", "TM_MAD": "linstor", "SIZE": "8"}
    empty = SimpleNamespace(DATASTORE=[], IMAGE=[], VM=[SimpleNamespace(ID=9, TEMPLATE={"DISK": disk})])
    server = SimpleNamespace(datastorepool=SimpleNamespace(info=lambda: empty),
                             imagepool=SimpleNamespace(info=lambda *_: empty),
                             vmpool=SimpleNamespace(infoextended=lambda *_: empty))
    assert [each.volume for each in OpenNebula(server).known("linstor")] == ["OpenNebula-Volatile-vm9-disk2"]


def test_installer(tmp_path: Path) -> None:
    program = tmp_path / "linstor-opennebula"
    with pytest.raises(Refused, match="no tm/ and datastore/"):
        install.install(tmp_path, "linstor", program, replace=False)
    for kind in ("tm", "datastore"):
        (tmp_path / kind).mkdir()
    assert install.install(tmp_path, "linstor", program, replace=False) == len(list(install.links(tmp_path, "linstor")))
    assert install.install(tmp_path, "linstor", program, replace=False) == 0
    foreign = tmp_path / "tm/linstor/clone"
    foreign.unlink()
    foreign.write_text("another driver's")
    with pytest.raises(Refused, match="another driver"):
        install.install(tmp_path, "linstor", program, replace=False)
    assert foreign.read_text() == "another driver's"
    assert install.uninstall(tmp_path, "linstor", program) > 30
    assert foreign.exists()
    install.install(tmp_path, "linstor", program, replace=True)
    assert foreign.is_symlink()
    offered = {(path.parent.parent.name, path.name) for path in install.links(tmp_path, "linstor")}
    assert offered == ({("datastore", name) for name in DATASTORE_ACTIONS} | {("tm", name) for name in TM_ACTIONS})


DATASTORE_ACTIONS = ("cp", "clone", "mkfs", "rm", "stat", "monitor", "export", "snap_delete", "snap_flatten",
                     "snap_revert")
TM_ACTIONS = ("clone", "ln", "mv", "mvds", "cpds", "delete", "mkimage", "mkswap", "context", "resize", "snap_create",
              "snap_create_live", "snap_delete", "snap_revert", "premigrate", "postmigrate", "failmigrate", "monitor",
              "prebackup", "prebackup_live", "postbackup", "postbackup_live", "restore")


def test_secrets_are_for_their_owner_alone(tmp_path: Path) -> None:
    token, file = tmp_path / "token", tmp_path / "linstor.toml"
    token.write_text("s3cret\n")
    token.chmod(0o640)
    file.write_text(f'token_file = "{token}"\n')
    named = {settings.VARIABLE: str(file)}
    with pytest.raises(BadSettings, match="chmod 600"):
        settings.load(tmp_path, named)
    token.chmod(0o600)
    found = settings.load(tmp_path, named)
    assert found.credentials.token == "s3cret"
    assert "s3cret" not in repr(found)


@pytest.mark.parametrize("text", ["tokn_file = 'a'", "not toml", "key_file = '/nowhere/key'"])
def test_settings_that_cannot_be_used(tmp_path: Path, text: str) -> None:
    file = tmp_path / "linstor.toml"
    file.write_text(text)
    with pytest.raises(BadSettings):
        settings.load(tmp_path, {settings.VARIABLE: str(file)})
    with pytest.raises(BadSettings, match="does not exist"):
        settings.load(tmp_path, {settings.VARIABLE: "/nowhere/linstor.toml"})
