"""Reports that are sure, and what is done about them."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator

from msgspec import Struct

from linstor_cloudstack.cloudstack_api import CloudStackApi
from linstor_cloudstack.errors import Refused
from linstor_cloudstack.inventory import CloudSide, LinstorSide, read_cloudstack, read_linstor
from linstor_cloudstack.reconciliation import (
    ADD_REFERENCE,
    DELETE_SNAPSHOT,
    DELETE_VOLUME,
    DROP_REFERENCES,
    GROW,
    PLACE,
    Finding,
    findings,
)
from linstor_core.client.errors import ClientError
from linstor_core.client.volumes import VolumeService

YOUNG_MS = 15 * 60 * 1000
"""What is younger may be in the making: CloudStack lists some things only when they are complete."""


class Report(Struct, frozen=True):
    """`elsewhere` are Linstor storages at controllers that were not asked."""

    storages: tuple[str, ...]
    volumes: int
    definitions: int
    found: tuple[Finding, ...]
    elsewhere: tuple[str, ...] = ()


class Outcome(Struct, frozen=True):
    """`error` is empty where the repair was made."""

    finding: Finding
    error: str = ""


class Reconciler:
    """`controllers` are the addresses by which CloudStack's storages may name those of `service`."""

    def __init__(self, api: CloudStackApi, service: VolumeService, controllers: Collection[str],
                 now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        self._api = api
        self._service = service
        self._controllers = frozenset(controllers)
        self._now_ms = now_ms

    def report(self, storage: str | None = None) -> Report:
        """What both sides say twice: something that is being made or deleted meanwhile is no finding."""
        return self._look(storage)[0]

    def _look(self, storage: str | None) -> tuple[Report, LinstorSide, CloudSide]:
        before = read_linstor(self._service.client)
        cloud = read_cloudstack(self._api, self._controllers, storage)
        found = findings(cloud, before)
        after = before
        if found:
            after = read_linstor(self._service.client)
            second = {(finding.kind, finding.subject): finding for finding in findings(cloud, after)}
            found = tuple(second[key] for finding in found if (key := (finding.kind, finding.subject)) in second)
        return _report(cloud, after, found), after, cloud

    def repair(self, chosen: Callable[[Finding], bool], confirmed: Collection[str],
               storage: str | None = None) -> Iterator[Outcome]:
        """Make the repairs that delete nothing and are `chosen`, and those that delete exactly what is `confirmed`.

        Raises Refused, before anything is done, where something confirmed is not there to be deleted (any more).
        """
        report, linstor, cloud = self._look(storage)
        deletable = {finding.subject: finding for finding in report.found if finding.deletes}
        moving = [volume.name for volume in cloud.volumes if volume.state == "Migrating"]
        if confirmed and moving:
            raise Refused(f"CloudStack is migrating {', '.join(moving)}, and does not say under which name: nothing "
                          "was deleted. Ask again when that is over")
        for name in confirmed:
            if name not in deletable:
                raise Refused(f"{name} is not among what the report would delete: nothing was done")
            self._check_age(deletable[name], linstor)
        for finding in report.found:
            if finding.subject in confirmed if finding.deletes else finding.repair and chosen(finding):
                yield self._outcome(finding)

    def _check_age(self, finding: Finding, linstor: LinstorSide) -> None:
        volume, _, snapshot = finding.subject.partition("/")
        created = (linstor.snapshots[volume.upper(), snapshot.upper()].created_ms if snapshot
                   else linstor.definitions[volume.upper()].youngest_ms)
        if self._now_ms() - created < YOUNG_MS:
            raise Refused(f"{finding.subject} is younger than {YOUNG_MS // 60000} minutes and may be in the making: "
                          "nothing was done. Ask again later")

    def _outcome(self, finding: Finding) -> Outcome:
        try:
            self._make(finding)
        except ClientError as error:
            return Outcome(finding, str(error))
        return Outcome(finding)

    def _make(self, finding: Finding) -> None:
        volume, _, snapshot = finding.subject.partition("/")
        if finding.repair == DELETE_SNAPSHOT:
            self._service.delete_snapshot(volume, snapshot)
        elif finding.repair == DELETE_VOLUME:
            # Snapshots are findings of their own: one that is left makes LINSTOR refuse.
            self._service.delete(volume)
        elif finding.repair == GROW:
            self._service.grow(volume, finding.size_kib)
        elif finding.repair == PLACE:
            self._service.client.auto_place(volume)
        elif finding.repair == DROP_REFERENCES:
            self._service.set_props(volume, {}, finding.keys)
        elif finding.repair == ADD_REFERENCE:
            self._service.set_props(volume, dict.fromkeys(finding.keys, "true"))


def _report(cloud: CloudSide, linstor: LinstorSide, found: tuple[Finding, ...]) -> Report:
    ids = {storage.id for storage in cloud.storages}
    return Report(tuple(storage.name for storage in cloud.storages),
                  sum(volume.storageid in ids for volume in cloud.volumes), len(linstor.definitions), found,
                  cloud.elsewhere)
