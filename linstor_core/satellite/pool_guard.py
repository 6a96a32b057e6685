"""Keeps an empty mount point from being taken for the pool whose file system is not mounted on it.

A pool's directory carries a marker. As long as volumes are known to be in the pool, a directory with another marker is
`Unobserved`: nothing is created in it, and what is missing there does not count as deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Container

from linstor_core.domain.errors import Code
from linstor_core.satellite.facts import Absent, ExternalFileFacts, LinkFacts, Observation, PoolFacts, Unobserved
from linstor_core.satellite.observer import NodeObserver
from linstor_core.wire.resource_spec import PoolSpec


class PoolGuard:
    """A `NodeObserver` around another. `markers` are the expected ones by upper-case pool name."""

    def __init__(self, observer: NodeObserver, is_occupied: Callable[[str], bool]) -> None:
        """`is_occupied` tells for an upper-case pool name whether complete volumes are known to be in it."""
        self._observer = observer
        self._is_occupied = is_occupied
        self.markers: dict[str, str] = {}

    def pool(self, pool: PoolSpec) -> PoolFacts | Unobserved:
        facts = self._observer.pool(pool)
        if isinstance(facts, Unobserved):
            return facts
        key = pool.name.upper()
        expected = self.markers.get(key, "")
        if not expected or expected == facts.marker or not self._is_occupied(key):
            if facts.marker:
                self.markers[key] = facts.marker
            return facts
        return Unobserved(
            f"'{facts.directory}' is not the directory in which the storage pool '{pool.name}' has its volumes",
            "The file system of the pool is probably not mounted.",
            "Mount it; the node tries again by itself. If the pool is lost, delete its resources and the pool, and "
            "create it again.", Code.STOR_POOL_CONFIGURATION)

    def file(self, path: str) -> Observation:
        return self._observer.file(path)

    def tagged_files(self, directory: str, besides: Container[str] = ()) -> tuple[str, ...] | Unobserved:
        return self._observer.tagged_files(directory, besides)

    def external_file(self, path: str, folder: str) -> ExternalFileFacts | Absent | Unobserved:
        return self._observer.external_file(path, folder)

    def links(self, resource: str) -> LinkFacts | Unobserved:
        return self._observer.links(resource)

    def linked_resources(self) -> tuple[str, ...] | Unobserved:
        return self._observer.linked_resources()
