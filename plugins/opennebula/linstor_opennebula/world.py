"""What an action works with: OpenNebula's own commands, its hosts and the volumes of a datastore."""

from __future__ import annotations

import base64
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from linstor_opennebula import driver_data
from linstor_opennebula.driver_data import Datastore, VirtualMachine
from linstor_opennebula.errors import BadCall
from linstor_opennebula.hosts import Hosts
from linstor_opennebula.settings import Settings
from linstor_opennebula.storage import Storage


@dataclass(frozen=True)
class World:
    settings: Settings
    hosts: Hosts
    remotes: Path

    @classmethod
    def of(cls, settings: Settings, remotes: Path) -> World:
        return cls(settings, Hosts(settings.ssh, settings.privileged), remotes)

    def storage(self, datastore: Datastore) -> Storage:
        return Storage.of(datastore, self.settings)

    def storage_of(self, datastore_id: int) -> Storage:
        return self.storage(self.datastore(datastore_id))

    def datastore(self, datastore_id: int) -> Datastore:
        """What OpenNebula says about a datastore. Raises CommandFailed, BadCall."""
        root = self.shown("onedatastore", datastore_id)
        return driver_data.datastore(root)

    def machine(self, vm_id: int) -> VirtualMachine:
        """What OpenNebula says about a virtual machine. Raises CommandFailed, BadCall."""
        return driver_data.virtual_machine(self.shown("onevm", vm_id))

    def shown(self, command: str, number: int) -> Element:
        """The document that one of OpenNebula's commands shows. Raises CommandFailed, BadCall."""
        program = os.path.join(self.settings.one_commands, command) if self.settings.one_commands else command
        root = driver_data.decoded(self.hosts.run("", (program, "show", "-x", str(number))))
        if root is None:
            raise BadCall(f"{command} show -x {number} printed no XML")
        return root

    def ls_document(self, datastore_id: int, machine: Element, image: Element) -> str:
        """What a backup driver's `ls` reads on standard input, as OpenNebula itself sends it (base64)."""
        root = ElementTree.Element("DS_DRIVER_ACTION_DATA")
        root.extend((self.shown("onedatastore", datastore_id), machine, image))
        return base64.b64encode(ElementTree.tostring(root)).decode()

    def link(self, host: str, device: str, path: str) -> None:
        """Put the link to a device where the hypervisor looks for a disk; what was there under the name goes."""
        directory = os.path.dirname(path)
        self.hosts.script(host, f"mkdir -p {shlex.quote(directory)} && "
                                f"ln -sfn {shlex.quote(device)} {shlex.quote(path)}")

    def relink(self, host: str, device: str, path: str) -> None:
        """Let a link that is there lead to a device that was replaced; where there is none, none is made."""
        quoted = shlex.quote(path)
        self.hosts.script(host, f"if test -L {quoted}; then ln -sfn {shlex.quote(device)} {quoted}; fi")

    def unlink(self, host: str, path: str) -> None:
        self.hosts.run(host, ("rm", "-f", path))

    def share_directory(self, host_a: str, host_b: str, directory: str) -> bool:
        """Whether both hosts see the same directory, as on shared file systems: a mark left by one shows at the other.

        Raises CommandFailed where a host cannot be asked; unknown is not the same as not shared.
        """
        mark = os.path.join(directory, f".linstor-{os.urandom(8).hex()}")
        quoted = shlex.quote(mark)
        if not self.hosts.succeeds(host_a, f"test -d {shlex.quote(directory)}"):
            return False
        self.hosts.script(host_a, f": > {quoted}")
        try:
            return self.hosts.succeeds(host_b, f"test -e {quoted}")
        finally:
            self.hosts.run(host_a, ("rm", "-f", mark))


def log(text: str) -> None:
    """A line for OpenNebula's log."""
    print(f"INFO: {text}", file=sys.stderr)
