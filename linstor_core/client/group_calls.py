"""Resource groups and their volume groups."""

from __future__ import annotations

from collections.abc import Sequence

from linstor_core.client.calls import Calls, Entries, filters
from linstor_core.domain.resource_groups import AutoSelectFilter
from linstor_core.wire import rest_bodies as bodies
from linstor_core.wire.explain import Explanation
from linstor_core.wire.rest_v1 import AllSizeInfo, MaxVolumeSizes, ResourceGroup, SizeInfo, VolumeGroup


class GroupCalls(Calls):
    def resource_groups(self, names: Sequence[str] = (), props: Sequence[str] = ()) -> list[ResourceGroup]:
        return self._get(list[ResourceGroup], "resource-groups", query=filters(resource_groups=names, props=props))

    def resource_group(self, name: str) -> ResourceGroup:
        return self._get(ResourceGroup, "resource-groups", name)

    def create_resource_group(self, body: bodies.ResourceGroupCreate) -> Entries:
        return self._write("POST", "resource-groups", body=body)

    def modify_resource_group(self, name: str, body: bodies.ResourceGroupModify) -> Entries:
        return self._write("PUT", "resource-groups", name, body=body)

    def delete_resource_group(self, name: str) -> Entries:
        return self._write("DELETE", "resource-groups", name)

    def spawn(self, group: str, body: bodies.ResourceGroupSpawn) -> Entries:
        """Create a definition with volumes from a group and place it."""
        return self._write("POST", "resource-groups", group, "spawn", body=body)

    def adjust(self, group: str) -> Entries:
        """Bring everything spawned from a group to what the group says now."""
        return self._write("POST", "resource-groups", group, "adjust", body=bodies.SelectFilterBody())

    def adjust_all(self) -> Entries:
        return self._write("POST", "resource-groups", "adjustall", body=bodies.SelectFilterBody())

    def max_volume_sizes(self, group: str) -> MaxVolumeSizes:
        return self._get(MaxVolumeSizes, "resource-groups", group, "query-max-volume-size")

    def max_volume_sizes_by(self, rules: AutoSelectFilter) -> MaxVolumeSizes:
        """For rules that no group has."""
        return self._ask(MaxVolumeSizes, "OPTIONS", "query-max-volume-size", body=rules)

    def size_info(self, group: str, select_filter: AutoSelectFilter | None = None) -> SizeInfo:
        return self._ask(SizeInfo, "POST", "resource-groups", group, "query-size-info",
                         body=bodies.SelectFilterBody(select_filter=select_filter))

    def all_size_info(self) -> AllSizeInfo:
        return self._ask(AllSizeInfo, "POST", "queries", "resource-groups", "query-all-size-info",
                         body=bodies.SelectFilterBody())

    def explain_group(self, group: str, size_kib: int | None = None, place_count: int | None = None) -> Explanation:
        """Which pools a spawn would take, and why."""
        return self._get(Explanation, "resource-groups", group, "explain",
                         query=filters(size_kib=_number(size_kib), place_count=_number(place_count)))

    def explain_definition(self, resource: str, place_count: int | None = None) -> Explanation:
        """Which pools the missing replicas of a definition would take, and why."""
        return self._get(Explanation, "resource-definitions", resource, "explain",
                         query=filters(place_count=_number(place_count)))

    def volume_groups(self, group: str) -> list[VolumeGroup]:
        return self._get(list[VolumeGroup], "resource-groups", group, "volume-groups")

    def volume_group(self, group: str, number: int) -> VolumeGroup:
        return self._get(VolumeGroup, "resource-groups", group, "volume-groups", number)

    def create_volume_group(self, group: str, body: bodies.VolumeGroupCreate | None = None) -> Entries:
        return self._write("POST", "resource-groups", group, "volume-groups", body=body or bodies.VolumeGroupCreate())

    def modify_volume_group(self, group: str, number: int, body: bodies.FlagsModify) -> Entries:
        return self._write("PUT", "resource-groups", group, "volume-groups", number, body=body)

    def delete_volume_group(self, group: str, number: int) -> Entries:
        return self._write("DELETE", "resource-groups", group, "volume-groups", number)


def _number(value: int | None) -> str | None:
    return None if value is None else str(value)
