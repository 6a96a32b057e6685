"""Making a resource group a primary storage of CloudStack, with the disk offerings that lead to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from linstor_cloudstack.cloudstack_api import CloudStackApi, only
from linstor_cloudstack.errors import Refused
from linstor_cloudstack.inventory import ONLINE, is_at
from linstor_cloudstack.records import PROVIDER, Host, HostCluster, Offering, Storage, Zone
from linstor_core.client.uris import controller_urls
from linstor_core.client.volumes import VolumeService

HYPERVISOR = "KVM"


class WantedOffering(Struct, frozen=True):
    """`size_gib` 0: the user chooses."""

    name: str
    size_gib: int = 0


class WantedStorage(Struct, frozen=True):
    """For a whole zone, or one cluster of it. `url` is where CloudStack reaches the controller."""

    name: str
    zone: str
    url: str
    group: str
    cluster: str = ""
    tags: tuple[str, ...] = ()
    offerings: tuple[WantedOffering, ...] = ()


class Registration:
    def __init__(self, api: CloudStackApi, service: VolumeService) -> None:
        self._api = api
        self._service = service

    def register(self, wanted: WantedStorage) -> list[str]:
        """What was done, a sentence each. Again: finds what is there and only adds what is missing.

        Raises Refused where what is there under a name is something else.
        """
        url = _one_url(wanted.url)
        zone = only([found for found in self._api.listed("listZones", Zone) if wanted.zone in (found.name, found.id)],
                    "zone", wanted.zone)
        cluster = self._cluster(wanted.cluster, zone) if wanted.cluster else None
        self._check_group(wanted.group)
        self._check_offerings(wanted)
        told = self._strangers(zone, cluster)
        told.append(self._storage(wanted, url, zone, cluster))
        return told + [self._offering(offering, wanted.tags) for offering in wanted.offerings]

    def _cluster(self, name: str, zone: Zone) -> HostCluster:
        listed = self._api.listed("listClusters", HostCluster, zoneid=zone.id)
        cluster = only([found for found in listed if name in (found.name, found.id)], "cluster", name)
        if cluster.hypervisortype and cluster.hypervisortype.upper() != HYPERVISOR:
            raise Refused(f"The cluster {cluster.name} runs {cluster.hypervisortype}: Linstor storage is for KVM only")
        return cluster

    def _check_group(self, group: str) -> None:
        """CloudStack takes the group's name without asking, and refuses one without space in few words."""
        capacities = {name.upper(): capacity for name, capacity in self._service.capacities().items()}
        if group.upper() not in capacities:
            raise Refused(f"LINSTOR has no resource group '{group}': create it first (linstor resource-group create)")
        if capacities[group.upper()].total_kib <= 0:
            raise Refused(f"No storage pool gives space to the resource group '{group}': "
                          f"see linstor resource-group explain {group}")

    def _strangers(self, zone: Zone, cluster: HostCluster | None) -> list[str]:
        nodes = {node.name.upper(): node.connection_status for node in self._service.client.nodes()}
        where = {"clusterid": cluster.id} if cluster else {"zoneid": zone.id}
        hosts = self._api.listed("listHosts", Host, type="Routing", **where)
        return [f"Warning: the host {host.name} is not a connected LINSTOR node of that name: its machines can't use "
                "the storage." for host in hosts if host.hypervisor.upper() in ("", HYPERVISOR)
                and nodes.get(host.name.upper()) != ONLINE]

    def _storage(self, wanted: WantedStorage, url: str, zone: Zone, cluster: HostCluster | None) -> str:
        same_name = [found for found in self._api.listed("listStoragePools", Storage, zoneid=zone.id)
                     if found.name == wanted.name]
        if not same_name:
            return self._create(wanted, url, zone, cluster)
        found = only(same_name, "storage", wanted.name)
        differs = _differences(found, wanted, url, cluster)
        if differs:
            raise Refused(f"CloudStack has a storage {found.name} that is something else: {', '.join(differs)}")
        if found.istagarule:
            raise Refused(f"The storage {found.name} chooses by a rule instead of tags: this command would "
                          "overwrite it")
        if found.tag_set == frozenset(wanted.tags):
            return f"The storage {found.name} was there already ({found.id})."
        self._api.call("updateStoragePool", id=found.id, tags=",".join(wanted.tags))
        return f"The storage {found.name} has the tags {', '.join(wanted.tags) or 'none'} now."

    def _create(self, wanted: WantedStorage, url: str, zone: Zone, cluster: HostCluster | None) -> str:
        scope: dict[str, Any] = {"scope": "zone", "hypervisor": HYPERVISOR}
        if cluster is not None:
            scope = {"scope": "cluster", "clusterid": cluster.id, "podid": cluster.podid}
        answer = self._api.call(
            "createStoragePool", name=wanted.name, zoneid=zone.id, url=url, provider=PROVIDER,
            details={"resourceGroup": wanted.group}, tags=",".join(wanted.tags) or None, **scope)
        return f"The storage {wanted.name} is registered ({answer.get('storagepool', {}).get('id', 'no id given')})."

    def _check_offerings(self, wanted: WantedStorage) -> None:
        """Before anything is done."""
        for offering in wanted.offerings:
            found = self._found_offering(offering.name)
            if found is not None and (found.tag_set != frozenset(wanted.tags) or found.disksize != offering.size_gib):
                raise Refused(f"CloudStack has a disk offering {found.name} of {found.disksize} GiB with the tags "
                              f"'{found.tags}', and offerings can't be changed in that: choose another name")

    def _offering(self, wanted: WantedOffering, tags: Sequence[str]) -> str:
        if self._found_offering(wanted.name) is not None:
            return f"The disk offering {wanted.name} was there already."
        size = {"customized": False, "disksize": wanted.size_gib} if wanted.size_gib else {"customized": True}
        self._api.call("createDiskOffering", name=wanted.name, displaytext=wanted.name, storagetype="shared",
                       tags=",".join(tags) or None, **size)
        return f"The disk offering {wanted.name} is created."

    def _found_offering(self, name: str) -> Offering | None:
        listed = [found for found in self._api.listed("listDiskOfferings", Offering, listall=True)
                  if found.name == name]
        return only(listed, "disk offering", name) if listed else None


def _one_url(text: str) -> str:
    """As CloudStack takes it: http or https, host and port, no path."""
    try:
        urls = controller_urls(text)
    except ValueError as error:
        raise Refused(str(error)) from None
    if len(urls) != 1:
        raise Refused("CloudStack takes one address of the controller: give a floating one where there are several")
    return urls[0]


def _differences(found: Storage, wanted: WantedStorage, url: str, cluster: HostCluster | None) -> list[str]:
    pairs = [("provider", found.provider, PROVIDER), ("resource group", found.group, wanted.group),
             ("controller", url if is_at(found, frozenset({url})) else found.ipaddress, url),
             ("scope", found.scope, "cluster" if cluster else "zone"),
             ("cluster", found.clusterid if cluster else "", cluster.id if cluster else "")]
    return [f"its {name} is '{there}', not '{asked}'" for name, there, asked in pairs if there.upper() != asked.upper()]
