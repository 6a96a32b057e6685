"""Jobs: work that takes more than one round with satellites, and moving resources, which is such work."""

from __future__ import annotations

from collections.abc import Sequence

from linstor_core.client.calls import Calls, Entries, filters
from linstor_core.wire.rest_jobs import Job, ResourceMove


class JobCalls(Calls):
    """LINSTOR's controllers know none of these calls."""

    def jobs(self, states: Sequence[str] = (), kinds: Sequence[str] = (), nodes: Sequence[str] = (),
             resources: Sequence[str] = (), *, live: bool = False) -> list[Job]:
        """The oldest first; with `live` those only that are not over."""
        query = filters(states=states, kinds=kinds, nodes=nodes, resources=resources, live=live)
        return self._get(list[Job], "jobs", query=query)

    def job(self, uuid: str) -> Job:
        return self._get(Job, "jobs", uuid)

    def cancel_job(self, uuid: str) -> Entries:
        """Call it off; refused once there is no way back."""
        return self._write("POST", "jobs", uuid, "cancel")

    def delete_job(self, uuid: str) -> Entries:
        """Forget one that is over."""
        return self._write("DELETE", "jobs", uuid)

    def move_resource(self, name: str, node: str, target_node: str = "", target_pool: str = "") -> Entries:
        """Start to move a resource off a node; the first entry names the job. Without a target one is chosen."""
        return self._write("POST", "resource-definitions", name, "resources", node, "move",
                           body=ResourceMove(target_node=target_node, target_pool=target_pool))
