"""The administrator's commands: install, uninstall, register, reconcile."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from linstor_core.client.errors import ClientError
from linstor_opennebula import install, reconciliation, settings
from linstor_opennebula.driver_data import MIB_KIB, Datastore
from linstor_opennebula.errors import PluginError
from linstor_opennebula.opennebula_api import OpenNebula
from linstor_opennebula.reconciliation import HALF, ORPHAN, SIZE, Finding, Known
from linstor_opennebula.storage import Storage

REMOTES = Path("/var/lib/one/remotes")
DIFFERENT = 3
"""The exit status of `reconcile` where something does not fit."""


def administrate(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (PluginError, ClientError, OSError) as error:
        print(f"linstor-opennebula: {error}", file=sys.stderr)
    except Exception as error:
        # pyone's errors have a base of their own, and pyone may not be there.
        if type(error).__module__.partition(".")[0] != "pyone":
            raise
        print(f"linstor-opennebula: OpenNebula says: {error}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("linstor-opennebula", description="OpenNebula on LINSTOR volumes.")
    parser.add_argument("--remotes", type=Path, default=REMOTES, help="OpenNebula's folder of drivers")
    parser.add_argument("--driver", default="linstor", help="the name of the driver in OpenNebula")
    commands = parser.add_subparsers(required=True, metavar="command")
    command = commands.add_parser("install", help="make the links that OpenNebula calls, print what oned.conf needs")
    # So that the folder may also stand after the command.
    command.add_argument("--remotes", type=Path, default=argparse.SUPPRESS)
    command.add_argument("--replace", action="store_true", help="take the place of another driver of the same name")
    command.add_argument("--program", type=Path, default=None, help="the executable to link to")
    command.set_defaults(run=_install)
    command = commands.add_parser("uninstall", help="remove the links")
    command.add_argument("--remotes", type=Path, default=argparse.SUPPRESS)
    command.add_argument("--program", type=Path, default=None)
    command.set_defaults(run=_uninstall)
    command = commands.add_parser("register", help="make a datastore in OpenNebula")
    command.add_argument("name")
    command.add_argument("--group", required=True, help="resource group")
    command.add_argument("--controllers", default="", help="LINSTOR's controllers")
    command.add_argument("--bridges", default="", help="hosts that fill images, separated by spaces")
    command.add_argument("--system", action="store_true", help="for systems rather than images")
    command.add_argument("--cluster", type=int, default=-1, help="OpenNebula's cluster; the default one otherwise")
    command.set_defaults(run=_register)
    command = commands.add_parser("reconcile", help="compare OpenNebula with LINSTOR")
    command.add_argument("--repair", action="append", default=[], choices=(HALF, ORPHAN, SIZE), metavar="KIND",
                         help="remove half or orphan volumes, grow those of a wrong size")
    command.set_defaults(run=_reconcile)
    return parser


def _program(options: argparse.Namespace) -> Path:
    found = options.program or shutil.which("linstor-opennebula") or sys.argv[0]
    return Path(found).absolute()


def _install(options: argparse.Namespace) -> int:
    made = install.install(options.remotes, options.driver, _program(options), replace=options.replace)
    print(f"{made} links made in {options.remotes}\n\n{install.ONED_CONF.format(driver=options.driver)}", end="")
    return 0


def _uninstall(options: argparse.Namespace) -> int:
    print(f"{install.uninstall(options.remotes, options.driver, _program(options))} links removed")
    return 0


def template(options: argparse.Namespace) -> str:
    """A datastore as OpenNebula takes it. Raises PluginError for what would end a value."""
    values = {"NAME": options.name, "TM_MAD": options.driver, "TYPE": "SYSTEM_DS" if options.system else "IMAGE_DS",
              "DISK_TYPE": "BLOCK", "LINSTOR_RESOURCE_GROUP": options.group}
    if not options.system:
        values["DS_MAD"] = options.driver
    if options.controllers:
        values["LINSTOR_CONTROLLERS"] = options.controllers
    if options.bridges:
        values["BRIDGE_LIST"] = options.bridges
    for key, value in values.items():
        if '"' in value or "\n" in value:
            raise PluginError(f"{key} cannot be {value!r}")
    return "\n".join(f'{key}="{value}"' for key, value in values.items())


def _register(options: argparse.Namespace) -> int:
    found = settings.load(options.remotes)
    wanted = Datastore(-1, options.controllers, options.group)
    # A group that is missing would only be noticed with the first image.
    Storage.of(wanted, found).client.resource_group(options.group)
    platform = OpenNebula.connect(found)
    print(f"ID: {platform.register(template(options), options.cluster)}")
    return 0


def _reconcile(options: argparse.Namespace) -> int:
    found = settings.load(options.remotes)
    platform = OpenNebula.connect(found)
    storages: dict[str, Storage] = {}
    for datastore in platform.datastores(options.driver):
        storages.setdefault(datastore.controllers, Storage.of(datastore, found))
    if len(storages) != 1:
        raise PluginError("no datastore of this driver" if not storages else
                          f"datastores of several clusters of LINSTOR ({', '.join(sorted(storages))}): give each its "
                          "own --driver")
    (storage,) = storages.values()
    # Volumes first: what OpenNebula makes meanwhile is then known to it, and no orphan.
    volumes = storage.volumes.list()
    known = platform.known(options.driver)
    findings = reconciliation.compare(known, volumes)
    for finding in findings:
        print(f"{finding.kind:8} {finding.volume}: {finding.text}")
    left = [finding for finding in findings if not _repair(storage, finding, options.repair, known)]
    return DIFFERENT if left else 0


def _repair(storage: Storage, finding: Finding, kinds: Sequence[str], known: Sequence[Known]) -> bool:
    if finding.kind not in kinds:
        return False
    if finding.kind == SIZE:
        size_mib = next(each.size_mib for each in known if each.volume == finding.volume)
        storage.volumes.grow(finding.volume, size_mib * MIB_KIB)
        print(f"grown    {finding.volume}")
    else:
        storage.remove(finding.volume)
        print(f"removed  {finding.volume}")
    return True
