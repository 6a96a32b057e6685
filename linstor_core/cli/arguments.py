"""Arguments that many commands share, and what they mean for REST."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from linstor_core.cli.grammar import Arg, Command, UsageError
from linstor_core.domain.resource_groups import AutoSelectFilter
from linstor_core.domain.sizes import parse_kib
from linstor_core.wire.rest_bodies import PropsModify

if TYPE_CHECKING:
    from linstor_core.cli.call import Call

AUX = "Aux/"
LAYERS = ("DRBD", "LUKS", "STORAGE", "NVME", "WRITECACHE", "CACHE", "BCACHE")
PROVIDERS = ("LVM", "LVM_THIN", "ZFS", "ZFS_THIN", "FILE", "FILE_THIN", "DISKLESS", "SPDK", "REMOTE_SPDK",
             "STORAGE_SPACES", "STORAGE_SPACES_THIN", "EBS_INIT", "EBS_TARGET")

NODE = Arg("node_name", "name of the node", completes="nodes")
RESOURCE = Arg("resource_name", "name of the resource", completes="resources")
GROUP = Arg("name", "name of the resource group", completes="groups")
VOLUME_NR = Arg("volume_nr", "number of the volume", kind=int)
PASTABLE = Arg("--pastable", "plain characters, no colours", "flag", ("-p",))
FORCED = (
    Arg("--force", "end it although a satellite can't remove it; a tombstone stays", "flag"),
    Arg("--abandon", "with --force: no tombstone either, the data stays as an orphan", "flag"),
)
ASYNC = Arg("--async", "has no effect any more", "flag")
FROM_FILE = Arg("--from-file", "show what the same command wrote into this file with -m; no call is made")
NODES = Arg("--nodes", "only these nodes", "+", ("-n",), completes="nodes")
RESOURCES = Arg("--resources", "only these resources", "+", ("-r",), completes="resources")
POOLS = Arg("--storage-pools", "only these storage pools", "+", ("-s",), completes="pools")
PROPS = Arg("--props", "only objects with these properties: KEY or KEY=VALUE", "+")
SHOW_PROPS = Arg("--show-props", "a column for each of these properties: KEY or KEY=HEADING", "+", ("-s",))
SHOW_PROPS_LONG = SHOW_PROPS._replace(aliases=())
SIZE_HELP = "a number and a unit (K, M, G, T, P; KB, MB …); without a unit it counts GiB"


def group_by(*columns: str) -> Arg:
    return Arg("--groupby", "sort by these columns", "+", ("-g",), kind=str.lower, choices=columns)


def size_kib(text: str) -> int:
    try:
        return parse_kib(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise ArgumentTypeError(f"'{text}' is no port: 1 to 65535")
    return int(text)


def _comma_list(text: str, allowed: Sequence[str], what: str) -> tuple[str, ...]:
    names = tuple(part.strip().upper() for part in text.split(",") if part.strip())
    unknown = [name for name in names if name not in allowed]
    if unknown:
        raise ArgumentTypeError(f"no {what}: {', '.join(unknown)}; there are {', '.join(allowed)}")
    return names


def layer_list(text: str) -> tuple[str, ...]:
    return _comma_list(text, LAYERS, "layer")


def provider_list(text: str) -> tuple[str, ...]:
    short = {"LVMTHIN": "LVM_THIN", "ZFSTHIN": "ZFS_THIN", "FILETHIN": "FILE_THIN"}
    return _comma_list(",".join(short.get(part.strip().upper(), part) for part in text.split(",")), PROVIDERS, "driver")


_ABSENT = object()
"""The option was not given: it without a value means yes."""

LAYER_LIST = Arg("--layer-list", "layers from the top down, comma separated", aliases=("-l",), kind=layer_list)


def placement(count: str = "--place-count", providers: tuple[str, ...] = ("-p",)) -> tuple[Arg, ...]:
    """The arguments that make an AutoSelectFilter."""
    return (
        Arg("--storage-pool", "pools to use; an empty text takes the rule away", "*", ("-s",), completes="pools"),
        Arg("--diskless-storage-pool", "pools for diskless resources", "*", completes="pools"),
        Arg(count, "number of replicas; +N adds to what is there, 0 takes the rule away", metavar="REPLICA_COUNT"),
        Arg("--do-not-place-with", "avoid nodes that have these resources", "*", completes="resources"),
        Arg("--do-not-place-with-regex", "avoid nodes that have a matching resource", "?"),
        Arg("--replicas-on-same", "nodes with the same value of these auxiliary properties", "*"),
        Arg("--replicas-on-different", "nodes with different values of these auxiliary properties", "*"),
        Arg("--x-replicas-on-different", "pairs of an auxiliary property and how many may share a value", "*"),
        Arg("--diskless-on-remaining", "diskless resources on all other nodes", "?", kind=_switch, default=_ABSENT),
        LAYER_LIST,
        Arg("--providers", "drivers to use, comma separated", aliases=providers, kind=provider_list),
    )




def _switch(text: str) -> bool:
    return text.lower() not in ("false", "no")


def select_filter(args: Namespace, count: str = "place_count") -> AutoSelectFilter | None:
    """None where no rule was given; an empty list is a rule, it takes one away."""
    place_count, additional = _replica_count(getattr(args, count))
    diskless = args.diskless_on_remaining
    found = AutoSelectFilter(
        place_count=place_count, additional_place_count=additional,
        storage_pool_list=_listed(args.storage_pool),
        storage_pool_diskless_list=_listed(args.diskless_storage_pool),
        not_place_with_rsc=_listed(args.do_not_place_with),
        not_place_with_rsc_regex=args.do_not_place_with_regex,
        replicas_on_same=_listed(args.replicas_on_same, AUX),
        replicas_on_different=_listed(args.replicas_on_different, AUX),
        x_replicas_on_different_map=_pairs(args.x_replicas_on_different),
        layer_stack=args.layer_list, provider_list=args.providers,
        diskless_on_remaining=None if diskless is _ABSENT else diskless is not False,
    )
    return None if found == AutoSelectFilter() else found


def _replica_count(text: str | None) -> tuple[int | None, int | None]:
    if not text:
        return None, None
    if text in ("max", "all"):
        return -1, 0
    if not text.lstrip("+").isdigit():
        raise UsageError(f"'{text}' is no number of replicas")
    return (None, int(text[1:])) if text.startswith("+") else (int(text), None)


def _listed(values: Sequence[str] | None, prefix: str = "") -> tuple[str, ...] | None:
    if values is None:
        return None
    return tuple(value if value.startswith(prefix) else prefix + value for value in values if value)


def pairs(values: Sequence[str] | None) -> dict[str, str]:
    """OLD=NEW, several of them. Raises UsageError."""
    found = dict(pair.split("=", 1) for pair in values or () if "=" in pair)
    if len(found) != len(values or ()):
        raise UsageError(f"'{' '.join(values or ())}' is no list of OLD=NEW pairs")
    return found


def _pairs(values: Sequence[str] | None) -> dict[str, int] | None:
    if values is None:
        return None
    if len(values) % 2 or not all(number.isdigit() for number in values[1::2]):
        raise UsageError("--x-replicas-on-different takes pairs of a property and a number")
    return {AUX + key: int(number) for key, number in zip(values[::2], values[1::2], strict=True)}


# Properties: every noun has the same two commands.

Read = Callable[["Call"], dict[str, str]]
Change = Callable[["Call", PropsModify], Any]


def property_commands(args: tuple[Arg, ...], read: Read, change: Change) -> tuple[Command, Command]:
    """list-properties and set-property for the object that `args` name; setting to nothing deletes."""

    def run_list(call: Call) -> None:
        call.properties(read(call))

    def run_set(call: Call) -> None:
        key = AUX + call.args.key if call.args.aux else call.args.key
        value = call.args.value
        call.show(change(call, PropsModify(override_props={key: value}) if value else PropsModify(delete_props=(key,))))

    return (
        Command("list-properties", ("lp",), "Show its properties.", (PASTABLE, *args), run_list, reads=True),
        Command("set-property", ("sp",), "Set a property; without a value, delete it.",
                (*args, Arg("--aux", "the key is an auxiliary property", "flag"), Arg("key"),
                 Arg("value", nargs="?", default="")), run_set),
    )
