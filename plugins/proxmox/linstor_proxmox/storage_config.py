"""A section of storage.cfg, as Proxmox VE hands it over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from linstor_proxmox.refusals import Refused

TYPE = "linstorcore"
"""The storage type; its properties start with its name, because properties of all plugins share one namespace."""
SECRETS = Path("/etc/pve/priv/storage")


@dataclass(frozen=True, slots=True)
class StorageConfig:
    """`secrets` is the file with what the controllers want to know of the caller; it need not exist.

    With `takeover` the volumes that LINBIT's plugin made in the same resource group are volumes of this storage, too.
    """

    storage: str
    controllers: str
    group: str
    takeover: bool
    secrets: Path


def from_section(storage: str, section: Mapping[str, object]) -> StorageConfig:
    """Raises Refused where the section lacks something."""
    def text(key: str) -> str:
        value = section.get(f"{TYPE}-{key}")
        return "" if value is None else str(value)

    if not text("group"):
        raise Refused(f"storage '{storage}' has no {TYPE}-group: name the LINSTOR resource group for its volumes")
    return StorageConfig(storage, text("controllers"), text("group"), text("takeover") in ("1", "yes", "true"),
                         Path(text("secrets") or SECRETS / f"{storage}.{TYPE}.json"))
