"""Which device gets which stable name: it leads to its volume's device as long as there is one, never elsewhere."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import structs

from linstor_core.domain.observed import Failure, VolumeSeen
from linstor_core.satellite.facts import LinkFacts, Unobserved
from linstor_core.satellite.layers.layer import Plan
from linstor_core.satellite.steps import DetachLoop, LinkDevice, PlannedStep, Step, UnlinkDevice
from linstor_core.wire.resource_spec import ResourceSpec

Links = LinkFacts | Unobserved


def plan(spec: ResourceSpec, volumes: Iterable[VolumeSeen], links: Links) -> Plan:
    """What brings the names to the devices that were seen. The name of a volume that could not be looked at stays."""
    if isinstance(links, Unobserved) or not links.folder:
        return Plan()
    devices = {str(volume.number): volume.device_path for volume in volumes}
    unseen = {str(volume.number) for volume in spec.volumes} - devices.keys()
    stale = [UnlinkDevice(f"{links.folder}/{name}", target) for name, target in sorted(links.targets.items())
             if name not in unseen and not devices.get(name)]
    taken = [name for name, device in devices.items() if device and ("" in links.foreign or name in links.foreign)]
    missing = [LinkDevice(f"{links.folder}/{name}", device, links.targets.get(name, ""))
               for name, device in devices.items() if device and name not in taken
               and links.targets.get(name) != device]
    return Plan((*stale, *missing), tuple(_taken(f"{links.folder}/{name}") for name in taken))


def before(steps: tuple[PlannedStep, ...], links: Links) -> tuple[PlannedStep, ...]:
    """The same steps, after the names of all devices that they take away.

    A free device's number soon belongs to somebody else: no name may lead there, not for a moment.
    """
    if isinstance(links, Unobserved):
        return steps
    leaving = {step.device for step in steps if isinstance(step, DetachLoop)}
    unlink = (UnlinkDevice(f"{links.folder}/{name}", target) for name, target in sorted(links.targets.items())
              if target in leaving)
    return (*unlink, *steps)


def named(volume: VolumeSeen, links: Links) -> VolumeSeen:
    """With the name that leads to its device, if there is one."""
    if isinstance(links, Unobserved) or not volume.device_path:
        return volume
    if links.targets.get(str(volume.number)) != volume.device_path:
        return volume
    return structs.replace(volume, symlinks=(f"{links.folder}/{volume.number}",))


def of_nobody(links: Links) -> tuple[Step, ...]:
    """The end of all names of a resource that is not here any more."""
    if isinstance(links, Unobserved):
        return ()
    return tuple(UnlinkDevice(f"{links.folder}/{name}", target) for name, target in sorted(links.targets.items()))


def _taken(link: str) -> Failure:
    return Failure(f"The device gets no stable name: '{link}' is taken", "Something that is no link of ours is there; "
                   "it is never replaced.", "Move it away; the node tries again by itself.")
