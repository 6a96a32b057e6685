"""A node's unused block devices between controller and satellite: questions, each with its answer."""

from __future__ import annotations

from msgspec import Struct, field

from linstor_core.domain.observed import Failure
from linstor_core.domain.storage_pools import ProviderKind


class UnusedDevice(Struct, frozen=True):
    """A whole block device on which nothing is."""

    path: str
    size_bytes: int
    rotational: bool = False
    model: str = ""
    serial: str = ""
    wwn: str = ""


class ListDevices(Struct, frozen=True, tag="list_devices"):
    """Which devices does nothing use? Nothing is changed."""

    number: int


class ListedDevices(Struct, frozen=True, tag="listed_devices"):
    """The answer to the ListDevices of that number."""

    number: int
    devices: tuple[UnusedDevice, ...] = ()
    failure: Failure | None = None


class PrepareDevices(Struct, frozen=True, tag="prepare_devices"):
    """Make a pool of unused devices. Asked again with the same words, it goes on where it was interrupted.

    `owner` tells this cluster's pools from others; `arguments` are passed on by the tool's name.
    """

    number: int
    kind: ProviderKind
    pool_name: str
    devices: tuple[str, ...]
    owner: str
    arguments: dict[str, tuple[str, ...]] = field(default_factory=dict)


class PreparedDevices(Struct, frozen=True, tag="prepared_devices"):
    """The answer to the PrepareDevices of that number: what was done in words, and where the pool is.

    `location` is what the property StorDriver/StorPoolName of a storage pool on it has to be.
    """

    number: int
    location: str = ""
    done: tuple[str, ...] = ()
    failure: Failure | None = None
