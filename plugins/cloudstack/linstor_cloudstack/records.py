"""CloudStack's objects as its API lists them (field names are its own), and what they are called in LINSTOR."""

from __future__ import annotations

import math

from msgspec import Struct

PREFIX = "cs-"
TEMPORARY_PREFIX = "cs-Temp-"
TEMPORARY_SUFFIX = "-rst"
"""Behind a volume's name: a copy of one of its snapshots, from which it is moved to secondary storage."""
REFERENCE = "Aux/_cs-template-for-"
"""A template in LINSTOR has one such property for each group whose storage uses it: they are its reference count."""
PROVIDER = "Linstor"
UUID_LENGTH = 36


class Zone(Struct, frozen=True):
    id: str
    name: str


class HostCluster(Struct, frozen=True):
    id: str
    name: str
    podid: str
    zoneid: str
    hypervisortype: str = ""


class Host(Struct, frozen=True):
    """`resourcestate` tells of maintenance, `state` whether its agent is connected."""

    id: str
    name: str
    state: str = ""
    resourcestate: str = ""
    hypervisor: str = ""
    zoneid: str = ""
    clusterid: str = ""


class Storage(Struct, frozen=True):
    """A primary storage. Of provider Linstor, `path` is the resource group and `ipaddress` the controller. Bytes."""

    id: str
    name: str
    state: str = ""
    provider: str = ""
    path: str = ""
    ipaddress: str = ""
    scope: str = ""
    zoneid: str = ""
    clusterid: str = ""
    tags: str = ""
    istagarule: bool = False
    """`tags` is a rule in JavaScript, no list of tags."""
    disksizetotal: int = 0
    disksizeused: int = 0
    disksizeallocated: int = 0

    @property
    def group(self) -> str:
        return self.path

    @property
    def is_linstor(self) -> bool:
        return self.provider.lower() == PROVIDER.lower()

    @property
    def tag_set(self) -> frozenset[str]:
        return frozenset() if self.istagarule else tag_set(self.tags)


class Offering(Struct, frozen=True):
    """A disk offering; `disksize` in GiB, 0 where the user chooses."""

    id: str
    name: str
    disksize: int = 0
    iscustomized: bool = False
    tags: str = ""
    storagetype: str = ""

    @property
    def tag_set(self) -> frozenset[str]:
        return tag_set(self.tags)


class CloudVolume(Struct, frozen=True):
    """`size` in bytes; without `storageid` nothing of it is on a storage yet."""

    id: str
    name: str
    state: str = ""
    path: str = ""
    size: int = 0
    storageid: str = ""
    diskofferingid: str = ""
    virtualmachineid: str = ""
    vmname: str = ""
    vmstate: str = ""

    @property
    def resource(self) -> str:
        return PREFIX + (self.path or self.id)

    @property
    def size_kib(self) -> int:
        return math.ceil(self.size / 1024)


class CloudSnapshot(Struct, frozen=True):
    """`locationtype` PRIMARY: it is in LINSTOR; SECONDARY: it was moved away, and LINSTOR has none."""

    id: str
    name: str = ""
    volumeid: str = ""
    state: str = ""
    locationtype: str = ""

    @property
    def resource(self) -> str:
        return PREFIX + self.id


class VmSnapshot(Struct, frozen=True):
    """Called by `name` in LINSTOR, on each of the machine's volumes."""

    id: str
    name: str


class Template(Struct, frozen=True):
    id: str
    name: str = ""


def tag_set(text: str) -> frozenset[str]:
    return frozenset(tag.strip() for tag in text.split(",") if tag.strip())


def template_id(resource: str) -> str:
    """Of `cs-<uuid>`, to which CloudStack adds something where groups can't share a template."""
    return resource[len(PREFIX):len(PREFIX) + UUID_LENGTH]
