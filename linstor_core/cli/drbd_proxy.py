"""linstor drbd-proxy …: LINSTOR's words for DRBD Proxy, which this controller refuses."""

from __future__ import annotations

from linstor_core.cli.arguments import NODE, RESOURCE
from linstor_core.cli.call import Call
from linstor_core.cli.drbd_options import all_args, asked_change, set_properties, setting_args
from linstor_core.cli.grammar import Arg, Command, Noun
from linstor_core.wire.rest_bodies import DrbdProxyModify

_KIND = "DRBD_PROXY"
_BETWEEN = (NODE._replace(name="node_name_a"), NODE._replace(name="node_name_b"), RESOURCE)
_PORT = Arg("--port", "port of the proxy; else the controller chooses one", aliases=("-p",), kind=int)


def enable(call: Call) -> None:
    args = call.args
    call.show(call.client.enable_drbd_proxy(args.resource_name, args.node_name_a, args.node_name_b, args.port))


def disable(call: Call) -> None:
    args = call.args
    call.show(call.client.disable_drbd_proxy(args.resource_name, args.node_name_a, args.node_name_b))


def set_options(call: Call) -> None:
    change = asked_change(call, _KIND)
    call.show(call.client.modify_drbd_proxy(call.args.resource_name, DrbdProxyModify(
        override_props=change.override_props, delete_props=change.delete_props)))


def _compression(name: str, text: str, *, with_options: bool) -> Command:
    kind = f"{_KIND}_{name.upper()}"

    def compress(call: Call) -> None:
        props = set_properties(call, kind) if with_options else {}
        call.show(call.client.modify_drbd_proxy(call.args.resource_name, DrbdProxyModify(
            compression_type=name, compression_props=props)))

    return Command(name, (), text, (RESOURCE,), compress,
                   more_args=(lambda: setting_args(kind)) if with_options else tuple)


_COMPRESSION = Noun("compression", ("c",), "How traffic is compressed; each word replaces what was set before.", (
    _compression("none", "Do not compress.", with_options=False),
    _compression("zlib", "Compress by zlib, with these options only.", with_options=True),
    _compression("lzma", "Compress by LZMA, with these options only.", with_options=True),
    _compression("lz4", "Compress by LZ4.", with_options=False),
    _compression("zstd", "Compress by Zstandard, with these options only.", with_options=True),
))

NOUN = Noun("drbd-proxy", ("proxy",), "DRBD Proxy between two nodes (refused: this release has no DRBD).", (
    Command("enable", ("e",), "Use DRBD Proxy between two replicas.", (*_BETWEEN, _PORT), enable),
    Command("disable", ("d",), "Do without DRBD Proxy between two replicas.", _BETWEEN, disable),
    Command("options", ("opt",), "Set options of DRBD Proxy; --unset-… takes one away.", (RESOURCE,), set_options,
            more_args=lambda: all_args(_KIND)),
    _COMPRESSION,
))
