"""`drbd-options` and `drbd-peer-options`: one flag, and one to unset it, for each option in the table of properties."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator
from functools import cache
from importlib import resources
from typing import NamedTuple

import msgspec
from msgspec import Struct

from linstor_core.cli.call import Call
from linstor_core.cli.grammar import Arg, Command, UsageError
from linstor_core.domain.property_rules import ObjectKind, PropertyRule, PropertyRules
from linstor_core.domain.sizes import parse_bytes
from linstor_core.wire.api_call_rc import ApiCallRc
from linstor_core.wire.rest_bodies import PropsModify

Change = Callable[[Call, PropsModify], list[ApiCallRc]]

SECTIONS = ("Disk", "Handlers", "Net", "PeerDevice", "Resource")
_PROXY, _PROXY_SECTIONS = "DRBD_PROXY", ("Proxy", "ProxyCompression")
"""Kinds that begin so are parts of DRBD Proxy."""
_OTHER_FLAGS = {"Net/timeout": "drbd-timeout"}
"""--timeout is what the program waits for an answer."""
_BYTES_A_UNIT = {"congestion-fill": 512, "c-fill-target": 512, "c-max-rate": 1024, "c-min-rate": 1024,
                 "resync-rate": 1024, "peer-ack-window": 512}
"""DRBD counts these in sectors or KiB; where a size has a unit, it is converted."""


class Option(NamedTuple):
    """`flag` is without its dashes, `key` the whole name of the property."""

    flag: str
    key: str
    rule: PropertyRule


class _Table(Struct):
    properties: tuple[PropertyRule, ...]


@cache
def _rules() -> PropertyRules:
    """The table that the controller holds properties to."""
    text = resources.files("linstor_core").joinpath("controller", "property_table.json").read_bytes()
    return PropertyRules(msgspec.json.decode(text, type=_Table).properties)


@cache
def options_of(kind: str) -> tuple[Option, ...]:
    """By flag."""
    return tuple(sorted(_options(kind)))


def _options(kind: str) -> Iterator[Option]:
    sections = _PROXY_SECTIONS if kind.startswith(_PROXY) else SECTIONS
    for key, rule in _rules().of(kind).items():
        namespace, _, name = key.removeprefix("DrbdOptions/").partition("/")
        if key.startswith("DrbdOptions/") and name and namespace in sections:
            flag = f"handler-{name}" if namespace == "Handlers" else name
            yield Option(_OTHER_FLAGS.get(f"{namespace}/{name}", flag), key, rule)


def setting_args(kind: str) -> tuple[Arg, ...]:
    """A flag for each option."""
    return tuple(Arg(f"--{option.flag}", _described(option.rule), kind=_checked(option)) for option in options_of(kind))


def all_args(kind: str) -> tuple[Arg, ...]:
    """And one to unset it."""
    return (*setting_args(kind), *(Arg(f"--unset-{option.flag}", "", "flag") for option in options_of(kind)))


def set_properties(call: Call, kind: str) -> dict[str, str]:
    """What the flags of `setting_args` ask for."""
    given = vars(call.args)
    return {option.key: value for option in options_of(kind)
            if (value := given[option.flag.replace("-", "_")]) is not None}


def asked_change(call: Call, kind: str) -> PropsModify:
    """What the flags of `all_args` ask for. Raises UsageError where that is nothing."""
    given = vars(call.args)
    override = set_properties(call, kind)
    unset = tuple(option.key for option in options_of(kind) if given[f"unset_{option.flag.replace('-', '_')}"])
    if not override and not unset:
        raise UsageError("name an option; --help shows all of them")
    return PropsModify(override_props=override, delete_props=unset)


def _described(rule: PropertyRule) -> str:
    parts = [rule.info, rule.expectation if rule.type != "string" else "a text", rule.unit,
             f"default: {rule.dflt}" if rule.dflt else ""]
    return "; ".join(part for part in parts if part).replace("%", "%%")


def _checked(option: Option) -> Callable[[str], str]:
    def check(text: str) -> str:
        value = _in_units(option, text)
        if not option.rule.accepts(value):
            raise ArgumentTypeError(f"'{text}' has to be {option.rule.expectation}")
        return value

    return check


def _in_units(option: Option, text: str) -> str:
    """`10M` as the number that the property counts; a bare number is one already."""
    if not option.rule.unit.startswith("bytes") or text.isdigit():
        return text
    try:
        return str(parse_bytes(text) // _BYTES_A_UNIT.get(option.flag, 1))
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def options_command(kind: ObjectKind, args: tuple[Arg, ...], change: Change, peers: bool = False) -> Command:
    """Sets and unsets DRBD's options on the object that `args` name."""

    def run(call: Call) -> None:
        call.show(change(call, asked_change(call, kind)))

    name, alias, what = (("drbd-peer-options", "popt", "between peers") if peers
                         else ("drbd-options", "opt", "of DRBD"))
    return Command(name, (alias,), f"Set options {what}; --unset-… takes one away.", args, run,
                   more_args=lambda: all_args(kind))
