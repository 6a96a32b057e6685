"""What OpenNebula knows and what LINSTOR has, side by side. Pure: values in, findings out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from linstor_core.client.volumes import Volume
from linstor_opennebula import naming
from linstor_opennebula.driver_data import MIB_KIB

ORPHAN, HALF, LOST, SIZE, NOWHERE = "orphan", "half", "lost", "size", "nowhere"


@dataclass(frozen=True)
class Known:
    """A volume that OpenNebula counts on; `owner` is for people. `size_mib` of 0 is not compared."""

    volume: str
    size_mib: int
    owner: str


@dataclass(frozen=True)
class Finding:
    """`kind` is orphan (no owner), half (its filling was cut), lost (no volume), size (too small), nowhere (no
    data).
    """

    kind: str
    volume: str
    text: str


def compare(known: Iterable[Known], volumes: Iterable[Volume]) -> tuple[Finding, ...]:
    """By volume. Volumes that don't have one of OpenNebula's names are nobody's business."""
    wanted = {each.volume.upper(): each for each in known}
    found = {volume.name.upper(): volume for volume in volumes}
    findings = [Finding(LOST, each.volume, f"{each.owner} needs it, and it is not there")
                for key, each in wanted.items() if key not in found]
    for key, volume in found.items():
        owner = wanted.get(key)
        if owner is None:
            findings += _without_owner(volume)
        else:
            findings += _owned(owner, volume)
    return tuple(sorted(findings, key=lambda finding: (finding.volume, finding.kind)))


def _without_owner(volume: Volume) -> list[Finding]:
    if naming.INCOMPLETE in volume.props:
        return [Finding(HALF, volume.name, "its filling was cut, and nobody in OpenNebula knows it")]
    if naming.image_of(volume.name) is None and naming.disk_of(volume.name) is None:
        return []
    return [Finding(ORPHAN, volume.name, f"nobody in OpenNebula knows its {volume.size_kib // MIB_KIB} MiB")]


def _owned(owner: Known, volume: Volume) -> list[Finding]:
    findings = []
    if owner.size_mib and volume.size_kib < owner.size_mib * MIB_KIB:
        findings.append(Finding(SIZE, volume.name, f"{owner.owner} has {owner.size_mib} MiB in OpenNebula, the volume "
                                                   f"only {volume.size_kib // MIB_KIB} MiB"))
    if not volume.nodes:
        findings.append(Finding(NOWHERE, volume.name, f"no node has the data of {owner.owner}"))
    return findings
