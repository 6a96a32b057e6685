"""Tells satellites what changed: one mailbox a node, holding the newest word on each subject."""

from __future__ import annotations

import asyncio

from linstor_core.controller import node_files, resource_specs, transfers
from linstor_core.controller.change import Change
from linstor_core.controller.resource_specs import Place
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.observed import NodeSeen
from linstor_core.wire.node_report import ApplyPools, ApplyResource, ForgetResource, FullSync


class Mailbox:
    """What one satellite still has to be told.

    It holds names, not messages: the spec is built when it is sent, so a slow satellite costs memory for each
    resource at most once, and gets the newest state only.
    """

    def __init__(self) -> None:
        self._places: dict[Place, None] = {}
        self._pools = False
        self._files = False
        self._filled = asyncio.Event()

    def post(self, place: Place) -> None:
        self._places[place] = None
        self._filled.set()

    def post_pools(self) -> None:
        self._pools = True
        self._filled.set()

    def post_files(self) -> None:
        self._files = True
        self._filled.set()

    def clear(self) -> None:
        """Before a full sync, which tells everything."""
        self._places.clear()
        self._pools = self._files = False
        self._filled.clear()

    async def take(self) -> tuple[bool, bool, list[Place]]:
        """Wait for something to tell: whether the pools, whether the external files, and which places."""
        await self._filled.wait()
        # Tombstones come first, as in a full sync: what is known there of old things goes to them.
        news = self._pools, self._files, sorted(self._places)
        self.clear()
        return news


class Dispatcher:
    """Fills the mailboxes of connected nodes from published changes."""

    def __init__(self) -> None:
        self._mailboxes: dict[str, Mailbox] = {}

    def open(self, node_key: str) -> Mailbox:
        """A new mailbox for a satellite that has just connected; it replaces an older one."""
        mailbox = self._mailboxes[node_key] = Mailbox()
        return mailbox

    def close(self, node_key: str, mailbox: Mailbox) -> None:
        if self._mailboxes.get(node_key) is mailbox:
            del self._mailboxes[node_key]

    def published(self, before: Cluster, after: Cluster, change: Change) -> None:
        for node_key in resource_specs.pools_changed(before, after, change):
            if (mailbox := self._mailboxes.get(node_key)) is not None:
                mailbox.post_pools()
        for node_key in node_files.changed(before, after, change):
            if (mailbox := self._mailboxes.get(node_key)) is not None:
                mailbox.post_files()
        for node_key in _returned(before, after, change):
            self._tell_again(after, node_key)
        if before.generations is after.generations:
            return
        for place in resource_specs.affected(before, change) | resource_specs.affected(after, change):
            mailbox = self._mailboxes.get(place[1])
            if mailbox is not None and before.generations.get(place) != after.generations.get(place):
                mailbox.post(place)

    def _tell_again(self, cluster: Cluster, node_key: str) -> None:
        """Who fetches from a node that is back tries at once what may wait for minutes to be tried again."""
        for place in transfers.fetching_from(cluster, node_key):
            mailbox = self._mailboxes.get(place[1])
            if mailbox is not None and place[1] != node_key:
                mailbox.post(place)


def _returned(before: Cluster, after: Cluster, change: Change) -> set[str]:
    """Keys of the nodes that have come ONLINE."""
    keys = {key_of(document.node_name) for document in change.puts if isinstance(document, NodeSeen)}
    return {key for key in keys if after.is_online(key) and not before.is_online(key)}


def resource_message(cluster: Cluster, place: Place) -> ApplyResource | ForgetResource:
    spec = resource_specs.build(cluster, place)
    return ApplyResource(spec) if spec is not None else ForgetResource(place[0], cluster.revision)


def pools_message(cluster: Cluster, node_key: str) -> ApplyPools:
    return ApplyPools(cluster.revision, resource_specs.pools(cluster, node_key))


def full_sync(cluster: Cluster, node_key: str) -> FullSync:
    specs = (resource_specs.build(cluster, place) for place in sorted(resource_specs.places_on(cluster, node_key)))
    return FullSync(cluster.revision, resource_specs.pools(cluster, node_key),
                    tuple(spec for spec in specs if spec is not None))
