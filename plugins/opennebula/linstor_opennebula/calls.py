"""One call of OpenNebula: which action of which driver, its arguments, and what came on standard input."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from linstor_opennebula import driver_data
from linstor_opennebula.driver_data import Datastore, Image, VirtualMachine
from linstor_opennebula.errors import BadCall

DATASTORE = "datastore"
TRANSFER = "tm"


@dataclass(frozen=True)
class Call:
    """`kind` is datastore or tm, `driver` the name under which the links were installed.

    `remotes` is OpenNebula's folder of drivers.
    """

    kind: str
    driver: str
    action: str
    arguments: tuple[str, ...]
    standard_input: str
    remotes: Path

    def argument(self, position: int) -> str:
        """Raises BadCall where OpenNebula sent fewer; negative positions count from the end."""
        try:
            return self.arguments[position]
        except IndexError:
            raise BadCall(f"{self.kind}/{self.action} was called with {len(self.arguments)} arguments only") from None

    def number(self, position: int) -> int:
        text = self.argument(position)
        try:
            return int(text)
        except ValueError:
            raise BadCall(f"argument '{text}' of {self.kind}/{self.action} is no number") from None


@dataclass(frozen=True)
class Location:
    """`host:path`, as the transfer manager names places; no host means OpenNebula's own machine."""

    host: str
    path: str

    @classmethod
    def of(cls, text: str) -> Location:
        host, colon, path = text.partition(":")
        return cls(host, os.path.normpath(path)) if colon else cls("", text)

    @property
    def directory(self) -> str:
        return os.path.dirname(self.path)

    @property
    def disk_id(self) -> int | None:
        """The number in `…/disk.N`; None for a machine's whole folder."""
        name, _, number = os.path.basename(self.path).rpartition(".")
        return int(number) if name == "disk" and number.isdigit() else None

    def disk(self) -> int:
        """Raises BadCall where this is no disk."""
        number = self.disk_id
        if number is None:
            raise BadCall(f"{self.path} is no disk of a virtual machine")
        return number


@dataclass(frozen=True)
class DatastoreCall:
    """What a datastore action gets, whichever version sends it."""

    object_id: str
    datastore: Datastore
    image_element: ElementTree.Element | None

    @property
    def image(self) -> Image:
        if self.image_element is None:
            raise BadCall("OpenNebula sent no IMAGE")
        return driver_data.image(self.image_element)


def parse(program: str, arguments: list[str], standard_input: str) -> Call:
    """The call that a link `…/remotes/<kind>/<driver>/<action>` stands for. Raises BadCall."""
    link = Path(os.path.abspath(program))
    kind = link.parent.parent.name
    if kind not in (DATASTORE, TRANSFER):
        raise BadCall(f"{program} is no link below datastore/ or tm/ of OpenNebula's drivers")
    # OpenNebula looks for `clone.ssh` first where disks of a system datastore with another driver are meant.
    action = link.name.partition(".")[0]
    return Call(kind, link.parent.name, action, tuple(arguments), standard_input, link.parents[2])


def datastore_call(call: Call) -> DatastoreCall:
    """Older versions send (document, number), newer ones the number and the document on standard input."""
    root, rest = None, list(call.arguments)
    if rest and len(rest[0]) > 20:
        root = driver_data.decoded(rest[0])
        rest = rest[1:] if root is not None else rest
    if root is None:
        root = driver_data.decoded(call.standard_input)
    found = root.find("DATASTORE") if root is not None else None
    if root is None or found is None:
        raise BadCall("no DS_DRIVER_ACTION_DATA, neither as first argument nor on standard input")
    return DatastoreCall(rest[0] if rest else "", driver_data.datastore(found), root.find("IMAGE"))


def machine_sent(call: Call, position: int | None = None) -> VirtualMachine | None:
    """The machine's document from an argument (versions before 5.10) or standard input; None where there is none."""
    texts = [call.standard_input]
    if position is not None and len(call.arguments) > position:
        texts.insert(0, call.arguments[position])
    for text in texts:
        root = driver_data.decoded(text)
        if root is not None and root.tag == "VM":
            return driver_data.virtual_machine(root)
    return None
