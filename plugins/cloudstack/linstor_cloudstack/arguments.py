"""The command line. No argument takes a key: those stand in the configuration."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from linstor_cloudstack import __version__
from linstor_cloudstack.registration import WantedOffering
from linstor_cloudstack.settings import DEFAULT_FILE


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser("linstor-cloudstack", description="Operate CloudStack primary storage on LINSTOR.")
    top.add_argument("--version", action="version", version=__version__)
    top.add_argument("--config", type=Path, default=DEFAULT_FILE,
                     help="default: %(default)s; only its owner may read it")
    top.add_argument("--json", action="store_true", help="results as JSON on standard output")
    top.add_argument("--times", action="store_true", help="show how long each call of CloudStack took")
    nouns = top.add_subparsers(dest="noun", required=True, metavar="COMMAND")
    nouns.add_parser("check", help="can both sides be reached, and do the keys work")
    _storage(nouns)
    _host(nouns)
    _reconciling(nouns)
    capacity = nouns.add_parser("capacity", help="space as CloudStack and as LINSTOR count it")
    capacity.add_argument("--size", type=_gib, default=0, metavar="GIB", help="show where such a volume would go")
    migrate = nouns.add_parser("migrate", help="move volumes to another disk offering, one at a time")
    migrate.add_argument("--from", dest="source", required=True, metavar="OFFERING")
    migrate.add_argument("--to", dest="target", required=True, metavar="OFFERING")
    migrate.add_argument("--storage", help="where to; default: the one Linstor storage with the offering's tags")
    migrate.add_argument("--volume", action="append", default=[], help="only this one; may be repeated")
    migrate.add_argument("--dry-run", action="store_true", help="only show what would be moved")
    return top


def _storage(nouns: Any) -> None:
    verbs = nouns.add_parser("storage", help="primary storage of provider Linstor").add_subparsers(
        dest="verb", required=True, metavar="VERB")
    verbs.add_parser("list")
    register = verbs.add_parser("register", help="make a resource group a primary storage; again: add what is missing")
    register.add_argument("name")
    register.add_argument("--zone", required=True)
    register.add_argument("--cluster", help="only for this one; default: the whole zone")
    register.add_argument("--url", required=True, help="of the controller, as hosts and CloudStack reach it")
    register.add_argument("--group", required=True, help="LINSTOR's resource group")
    register.add_argument("--tag", action="append", default=[], help="of the storage and its offerings")
    register.add_argument("--offering", action="append", default=[], type=_offering, metavar="NAME[=GIB]",
                          help="a disk offering with the storage's tags; without a size the user chooses")
    maintain = verbs.add_parser("maintain", help="enter maintenance; CloudStack stops the machines that use it")
    maintain.add_argument("name")
    maintain.add_argument("--accept-stop", action="append", default=[], metavar="MACHINE")
    verbs.add_parser("enable", help="leave maintenance").add_argument("name")


def _host(nouns: Any) -> None:
    verbs = nouns.add_parser("host", help="hosts that are LINSTOR nodes").add_subparsers(
        dest="verb", required=True, metavar="VERB")
    verbs.add_parser("what-if", help="what becomes of the volumes without the host").add_argument("name")
    drain = verbs.add_parser("drain", help="move its machines away for maintenance, unless volumes would be lost")
    drain.add_argument("name")
    drain.add_argument("--accept-loss", action="append", default=[], metavar="VOLUME",
                       help="this one may be unavailable meanwhile; may be repeated")
    drain.add_argument("--evacuate", action="store_true", help="also let LINSTOR keep new data off the node")
    verbs.add_parser("enable", help="leave maintenance").add_argument("name")


def _reconciling(nouns: Any) -> None:
    report = nouns.add_parser("report", help="what CloudStack and LINSTOR disagree about; changes nothing")
    report.add_argument("--storage", help="only this one")
    repair = nouns.add_parser("repair", help="repair what the report found")
    repair.add_argument("--storage", help="only this one")
    repair.add_argument("--kind", action="append", default=[], help="of findings whose repair deletes nothing")
    repair.add_argument("--object", action="append", default=[],
                        help="findings of this one whose repair deletes nothing")
    repair.add_argument("--confirm-delete", action="append", default=[], metavar="OBJECT",
                        help="delete exactly this orphan, with its data; may be repeated")


def _gib(text: str) -> int:
    number = int(text)
    if not 0 < number < 2 ** 30:
        raise argparse.ArgumentTypeError("a size in GiB, at least 1")
    return number


def _offering(text: str) -> WantedOffering:
    name, separator, size = text.rpartition("=")
    return WantedOffering(name, _gib(size)) if separator else WantedOffering(text)
