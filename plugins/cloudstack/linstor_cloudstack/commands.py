"""What each command does, and what it says of it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import TextIO

import msgspec

from linstor_cloudstack.capacity import KIB_PER_GIB, StorageCapacity, capacities
from linstor_cloudstack.cloudstack_api import CloudStackApi
from linstor_cloudstack.errors import Refused
from linstor_cloudstack.inventory import storages
from linstor_cloudstack.maintenance import Maintenance
from linstor_cloudstack.migration import Migration, Move
from linstor_cloudstack.records import Zone
from linstor_cloudstack.registration import Registration, WantedStorage
from linstor_cloudstack.repair import Reconciler
from linstor_cloudstack.settings import Settings
from linstor_core.client.client import LinstorClient, local_token
from linstor_core.client.transport import Credentials
from linstor_core.client.uris import controller_urls
from linstor_core.client.volumes import VolumeService

DONE, FAILED, FOUND = 0, 1, 3
"""Exit statuses; FOUND: the report has findings."""


class Commands:
    """Results on `out`, progress on `err`. Methods give the exit status and raise OperatorError or ClientError."""

    def __init__(self, settings: Settings, options: argparse.Namespace, out: TextIO, err: TextIO,
                 now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        self._options = options
        self._out = out
        self._err = err
        self._now_ms = now_ms
        self._api = CloudStackApi(settings, self._took if options.times else lambda _, __: None)
        credentials = settings.credentials
        if credentials == Credentials():
            credentials = Credentials(token=local_token())
        try:
            self._controllers = frozenset(controller_urls(settings.controllers))
        except ValueError as error:
            raise Refused(f"[linstor] controllers: {error}") from None
        self._service = VolumeService(LinstorClient(settings.controllers, credentials=credentials))

    def run(self) -> int:
        name = "_".join(part for part in (self._options.noun, getattr(self._options, "verb", None)) if part)
        method: Callable[[], int] = getattr(self, name.replace("-", "_"))
        return method()

    def check(self) -> int:
        zones = self._api.listed("listZones", Zone)
        version = self._service.client.controller_version().version
        self._show([f"CloudStack answers: {len(zones)} zones.", f"LINSTOR answers: version {version}."])
        return DONE

    def storage_list(self) -> int:
        found = storages(self._api)
        self._show(found, lambda item: f"{item.name}  {item.state}  group {item.group} at {item.ipaddress}  "
                                       f"{item.scope.lower()}  tags {item.tags or '-'}")
        return DONE

    def storage_register(self) -> int:
        options = self._options
        wanted = WantedStorage(options.name, options.zone, options.url, options.group, options.cluster or "",
                               tuple(options.tag), tuple(options.offering))
        self._show(Registration(self._api, self._service).register(wanted))
        return DONE

    def storage_maintain(self) -> int:
        self._show([self._maintenance.maintain_storage(self._options.name, self._options.accept_stop, self._waiting)])
        return DONE

    def storage_enable(self) -> int:
        self._show([self._maintenance.enable_storage(self._options.name, self._waiting)])
        return DONE

    def host_what_if(self) -> int:
        effects = self._maintenance.what_if(self._options.name)
        self._show(effects, lambda effect: f"{effect.kind:<12} {effect.volume}  copies {effect.copies_before} -> "
                                           f"{effect.copies_after}" + ("  in use there" if effect.in_use else ""))
        return DONE

    def host_drain(self) -> int:
        options = self._options
        self._show(self._maintenance.drain(options.name, options.accept_loss, options.evacuate, self._waiting))
        return DONE

    def host_enable(self) -> int:
        self._show(self._maintenance.enable_host(self._options.name, self._waiting))
        return DONE

    def report(self) -> int:
        report = self._reconciler.report(self._options.storage)
        if self._options.json:
            self._show(report)
        else:
            self._show(report.found, lambda finding: f"{finding.kind:<18} {finding.subject}: {finding.message}"
                       + (f" [repair: {finding.repair}]" if finding.repair else ""))
            self._show([f"{len(report.found)} findings; {report.volumes} volumes of CloudStack on "
                        f"{', '.join(report.storages) or 'no storage'}, {report.definitions} definitions in LINSTOR."])
            self._show([f"Not looked at, because other controllers have it: {name}" for name in report.elsewhere])
        return FOUND if report.found else DONE

    def repair(self) -> int:
        options = self._options
        if not (options.kind or options.object or options.confirm_delete):
            raise Refused("Say what to repair: --kind or --object for what deletes nothing, --confirm-delete for an "
                          "orphan")
        outcomes = list(self._reconciler.repair(
            lambda finding: finding.kind in options.kind or finding.subject in options.object,
            options.confirm_delete, options.storage))
        self._show(outcomes, lambda outcome: f"{outcome.finding.repair} {outcome.finding.subject}: "
                                             + (outcome.error or "done"))
        if not outcomes and not options.json:
            self._show(["Nothing of that is to be repaired."])
        return FAILED if any(outcome.error for outcome in outcomes) else DONE

    def capacity(self) -> int:
        self._show(capacities(self._api, self._service, self._controllers, self._options.size), _capacity_text)
        return DONE

    def migrate(self) -> int:
        options, migration = self._options, Migration(self._api)
        plan = migration.plan(options.source, options.target, options.storage, options.volume)
        for sentence in plan.skipped:
            self._err.write(f"Skipped: {sentence}\n")
        if options.dry_run:
            self._show(plan.moves, lambda move: f"{move.volume.name} ({move.volume.size_kib} KiB) to "
                                                f"{move.storage.name}")
            return DONE
        failed = False
        for moved in migration.run(plan, self._moving):
            failed = failed or bool(moved.error)
            self._show([f"[{moved.number}/{moved.total}] {moved.move.volume.name}: {moved.error or 'moved'}"])
        return FAILED if failed else DONE

    @property
    def _maintenance(self) -> Maintenance:
        return Maintenance(self._api, self._service.client)

    @property
    def _reconciler(self) -> Reconciler:
        return Reconciler(self._api, self._service, self._controllers, self._now_ms)

    def _show(self, result: object, line: Callable[..., str] = str) -> None:
        if self._options.json:
            self._out.write(msgspec.json.encode(result).decode() + "\n")
        elif isinstance(result, list | tuple):
            self._out.writelines(line(item) + "\n" for item in result)
        self._out.flush()

    def _took(self, command: str, seconds: float) -> None:
        self._err.write(f"{command}: {seconds * 1000:.1f} ms\n")

    def _waiting(self, seconds: float) -> None:
        self._err.write(f"CloudStack is at it for {seconds:.0f} s\n")

    def _moving(self, move: Move, number: int, total: int, seconds: float) -> None:
        self._err.write(f"[{number}/{total}] {move.volume.name}: under way for {seconds:.0f} s\n")


def _capacity_text(item: StorageCapacity) -> str:
    def gib(kib: int) -> str:
        return f"{kib / KIB_PER_GIB:.1f}"

    lines = [f"{item.storage} (group {item.group}): {gib(item.free_kib)} of {gib(item.total_kib)} GiB free, largest "
             f"volume {gib(item.largest_volume_kib)} GiB; CloudStack: {gib(item.cloud_total_kib)} GiB, "
             f"{gib(item.cloud_allocated_kib)} promised"]
    lines += [f"  the next volume goes to {pool}" for pool in item.pools]
    return "\n".join([*lines, *(f"  {hint}" for hint in item.hints)])
