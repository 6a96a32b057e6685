"""OpenNebula's folder of drivers with our links in it, and stand-ins for the programs that it brings itself."""

from __future__ import annotations

import base64
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from linstor_opennebula.install import install

from linstor_core.client.client import LinstorClient
from linstor_core.client.volumes import VolumeService
from linstor_core.wire import rest_bodies as bodies
from tools.rest import RestConnection
from tools.services import Service

CHECKOUT = Path(__file__).resolve().parents[3]
NODE = "node1"


@dataclass
class Answer:
    status: int
    output: str
    messages: str
    seconds: float


@dataclass
class Platform:
    """Calls the drivers as OpenNebula does: one line for a shell, the document on standard input."""

    folder: Path
    controller: str
    group: str = "grp"
    legacy: bool = False
    prefix: tuple[str, ...] = ()
    times: dict[str, list[float]] = field(default_factory=dict)

    @property
    def remotes(self) -> Path:
        return self.folder / "remotes"

    def system_dir(self, vm_id: int) -> Path:
        return self.folder / f"datastores/0/{vm_id}"

    def disk(self, vm_id: int, disk_id: int, host: str = NODE) -> str:
        return f"{host}:{self.system_dir(vm_id)}/disk.{disk_id}"

    def run(self, kind: str, action: str, *arguments: object, document: str = "") -> Answer:
        link = str(self.remotes / kind / "linstor" / action)
        line = " ".join([link, *(shlex.quote(str(each)) for each in arguments)])
        begun = time.monotonic()
        done = subprocess.run([*self.prefix, "sh", "-c", line], input=document, capture_output=True, text=True,
                              check=False, env={"PATH": f"{self.folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin"})
        seconds = time.monotonic() - begun
        self.times.setdefault(f"{kind}/{action}", []).append(seconds)
        return Answer(done.returncode, done.stdout.strip(), done.stderr, seconds)

    def datastore(self, action: str, object_id: int, image: str = "", **more: str) -> Answer:
        document = base64.b64encode(self.document(image, **more).encode()).decode()
        if self.legacy:
            return self.run("datastore", action, document, object_id)
        return self.run("datastore", action, object_id, document=document)

    def tm(self, action: str, *arguments: object, document: str = "") -> Answer:
        return self.run("tm", action, *arguments, document=document)

    def document(self, image: str = "", kind: int = 0) -> str:
        return f"<DS_DRIVER_ACTION_DATA>{image}{self.datastore_xml(kind)}</DS_DRIVER_ACTION_DATA>"

    def datastore_xml(self, kind: int = 0) -> str:
        return (f"<DATASTORE><ID>100</ID><NAME>ls</NAME><TYPE>{kind}</TYPE><DS_MAD>linstor</DS_MAD>"
                f"<TM_MAD>linstor</TM_MAD><BASE_PATH>{self.folder}/datastores/100</BASE_PATH><TEMPLATE>"
                f"<LINSTOR_CONTROLLERS><![CDATA[{self.controller}]]></LINSTOR_CONTROLLERS>"
                f"<LINSTOR_RESOURCE_GROUP>{self.group}</LINSTOR_RESOURCE_GROUP><BRIDGE_LIST>{NODE}</BRIDGE_LIST>"
                f"<STAGING_DIR>{self.folder}</STAGING_DIR></TEMPLATE></DATASTORE>")

    def know_datastore(self) -> None:
        (self.folder / "known/datastore-100.xml").write_text(self.datastore_xml())

    def know_machine(self, vm_id: int, *disks: str, context: int | None = None) -> str:
        """What `onevm show` will say; the document, as premigrate gets it."""
        found = "" if context is None else f"<CONTEXT><DISK_ID>{context}</DISK_ID></CONTEXT>"
        text = (f"<VM><ID>{vm_id}</ID><DEPLOY_ID>one-{vm_id}</DEPLOY_ID><TEMPLATE>{''.join(disks)}{found}</TEMPLATE>"
                "</VM>")
        (self.folder / f"known/vm-{vm_id}.xml").write_text(text)
        return base64.b64encode(text.encode()).decode()


def image_xml(image_id: int, *, size: int = 8, source: str = "", path: str = "", more: str = "") -> str:
    return (f"<IMAGE><ID>{image_id}</ID><NAME>img</NAME><SIZE>{size}</SIZE><SOURCE>{source}</SOURCE>"
            f"<PATH><![CDATA[{path}]]></PATH>{more}<TEMPLATE/></IMAGE>")


def disk_xml(disk_id: int, *, size: int = 8, source: str = "", more: str = "") -> str:
    found = f"<SOURCE>{source}</SOURCE>" if source else ""
    return (f"<DISK><DISK_ID>{disk_id}</DISK_ID><SIZE>{size}</SIZE>{found}<TM_MAD>linstor</TM_MAD>"
            f"<DATASTORE_ID>100</DATASTORE_ID>{more}</DISK>")


PERSISTENT = "<PERSISTENT>YES</PERSISTENT>"

_SCRIPTS = {
    # Stand-ins for OpenNebula's own programs, with the same arguments.
    "bin/onevm": 'exec cat "{folder}/known/vm-$3.xml"',
    "bin/oneimage": 'exec cat "{folder}/known/image-$3.xml"',
    "bin/onedatastore": 'exec cat "{folder}/known/datastore-$3.xml"',
    "bin/to-host": 'echo "$1" >> {folder}/asked-hosts; shift; exec sh -c "$*"',
    "remotes/datastore/downloader.sh": 'while [ "$#" -gt 2 ]; do shift; done; case "$1" in *cut*) '
                                       'head -c 1000000 "$1"; echo "Error copying" >&2; exit 1;; esac; exec cat "$1"',
    "remotes/datastore/fs/stat": 'echo 4711',
    "remotes/datastore/rsync/ls": 'cat >{folder}/asked-ls; cat {folder}/known/ls.json',
    "remotes/tm/ssh/context": 'echo "$@" >{folder}/asked-context',
    "remotes/tm/ssh/premigrate": 'echo "$@" >>{folder}/asked-ssh',
    "remotes/tm/ssh/postmigrate": 'echo "$@" >>{folder}/asked-ssh',
    "remotes/tm/ssh/failmigrate": 'echo "$@" >>{folder}/asked-ssh',
}


def make_platform(folder: Path, controller: str, ssh: list[str] | None = None) -> Platform:
    platform = Platform(folder, controller)
    for name, line in _SCRIPTS.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n" + line.replace("{folder}", str(folder)) + "\n")
        path.chmod(0o755)
    for directory in ("known", "remotes/etc/linstor", "datastores/0"):
        (folder / directory).mkdir(parents=True)
    command = ", ".join(f'"{word}"' for word in ssh or [f"{folder}/bin/to-host"])
    (folder / "remotes/etc/linstor/linstor.toml").write_text(f"ssh = [{command}]\ntimeout_s = 60\n")
    program = folder / "bin/linstor-opennebula"
    plugin = CHECKOUT / "plugins/opennebula"
    program.write_text(f"#!{sys.executable} -IB\nimport sys\nsys.path[:0] = ['{CHECKOUT}', '{plugin}']\n"
                       "from linstor_opennebula.__main__ import main\nsys.exit(main())\n")
    program.chmod(0o755)
    install(folder / "remotes", "linstor", program, replace=False)
    platform.know_datastore()
    return platform


def register(rest: RestConnection, cluster: Service) -> None:
    host, _, port = cluster.satellite.rpartition(":")
    rest.post("/v1/nodes", {"name": NODE, "type": "SATELLITE", "net_interfaces": [
        {"name": "default", "address": host, "satellite_port": int(port), "satellite_encryption_type": "PLAIN"}]})
    rest.post(f"/v1/nodes/{NODE}/storage-pools", {
        "storage_pool_name": "thin", "provider_kind": "FILE_THIN",
        "props": {"StorDriver/FileDir": str(cluster.pool_dir)}})
    rest.post("/v1/resource-groups", {"name": "grp", "select_filter": {
        "place_count": 1, "storage_pool": "thin", "layer_stack": ["STORAGE"]}})
    rest.post("/v1/resource-groups/grp/volume-groups", {})


@pytest.fixture
def platform(cluster: Service, tmp_path: Path) -> Iterator[Platform]:
    with RestConnection(cluster.address) as rest:
        register(rest, cluster)
    folder = tmp_path / "one"
    folder.mkdir()
    yield make_platform(folder, cluster.url)


@pytest.fixture
def client(cluster: Service) -> LinstorClient:
    return LinstorClient(cluster.url)


@pytest.fixture
def volumes(client: LinstorClient) -> VolumeService:
    return VolumeService(client)


def mark_incomplete(client: LinstorClient, name: str) -> None:
    client.modify_resource_definition(name, bodies.ResourceDefinitionModify(
        override_props={"Aux/opennebula/incomplete": "yes"}))


def content_of(device: str | Path, size: int = 4096, offset: int = 0) -> bytes:
    with open(device, "rb") as stream:
        stream.seek(offset)
        return stream.read(size)


def write(device: str | Path, content: bytes) -> None:
    with open(device, "r+b") as stream:
        stream.write(content)
        stream.flush()
