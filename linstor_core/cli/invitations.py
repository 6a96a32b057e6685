"""linstor node invite, node invitation …, node certificate …"""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import UTC, datetime
from urllib.parse import urlsplit

from linstor_core.cli.arguments import PASTABLE
from linstor_core.cli.call import Call
from linstor_core.cli.grammar import Arg, Command, Noun
from linstor_core.cli.screen import GREEN, RED, YELLOW, Cell, Column
from linstor_core.wire.rest_certificates import InvitationCreate

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_COLORS = {"OPEN": GREEN, "VALID": GREEN, "DUE": YELLOW, "USED": YELLOW, "EXPIRED": RED}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def duration_s(text: str) -> int:
    """A number and a unit: s, m, h or d. Without a unit it counts seconds."""
    number, unit = (text[:-1], text[-1].lower()) if text[-1:].lower() in _UNITS else (text, "s")
    if not number.isascii() or not number.isdigit() or int(number) == 0:
        raise ArgumentTypeError(f"'{text}' is no time: write for instance 90s, 30m, 1h or 2d")
    return int(number) * _UNITS[unit]


def invite(call: Call) -> None:
    args = call.args
    entries = call.client.invite_node(InvitationCreate(
        node_name=args.node_name or "", address=args.ip or "", expires_in_s=args.expires))
    call.show(entries)
    if call.as_json:
        return
    controller = args.controller or _controller(call.controller_url)
    name = f" --name {args.node_name}" if args.node_name else ""
    for entry in entries:
        if "token" in entry.obj_refs:
            call.screen.line("Run this on the new host, as root:")
            call.screen.line(f"linstor-satellite join {entry.obj_refs['token']}@{controller}{name}")
            if urlsplit(f"//{controller.rpartition('://')[2]}").hostname in _LOOPBACK:
                call.screen.line("Put an address of the controller that the host can reach behind the @, or give it "
                                 "with --controller.")


def _controller(url: str) -> str:
    parts = urlsplit(url)
    return f"https://{parts.netloc}" if parts.scheme == "https" else parts.netloc


def _moment(timestamp_ms: int) -> str:
    return datetime.fromtimestamp(timestamp_ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def list_invitations(call: Call) -> None:
    call.table([Column("Invitation"), Column("Node"), Column("Address"), Column("Until (UTC)"), Column("State")],
               ([each.id, each.node_name, each.address, _moment(each.expires_timestamp),
                 Cell(each.state, _COLORS.get(each.state, YELLOW))] for each in call.client.invitations()))


def list_certificates(call: Call) -> None:
    call.table([Column("Role"), Column("Node"), Column("Serial"), Column("From (UTC)"), Column("Until (UTC)"),
                Column("State")],
               ([each.role, each.node_name, each.serial, _moment(each.valid_from_timestamp),
                 _moment(each.valid_until_timestamp), Cell(each.state, _COLORS.get(each.state, YELLOW))]
                for each in call.client.certificates()))


INVITE = Command("invite", ("inv",), "Let one host join the cluster; prints what to run on it.", (
    Arg("--ip", "the address by which it is to be reached; else the host tells"),
    Arg("--expires", "for how long: 30m, 1h, 2d (1h)", kind=duration_s, default=3600),
    Arg("--controller", "HOST:PORT by which the host reaches this controller"),
    Arg("node_name", "the only name it may have; that of a node gives its host a certificate, or another one", "?",
        completes="nodes")), invite)

INVITATIONS = Noun("invitation", (), "Invitations of hosts.", (
    Command("list", ("l",), "Show the invitations, without their tokens.", (PASTABLE,), list_invitations, reads=True),
    Command("revoke", ("r", "delete"), "Let nobody in by an invitation any more.",
            (Arg("invitation", "as the list shows it"),),
            lambda call: call.show(call.client.revoke_invitation(call.args.invitation))),
))

CERTIFICATES = Noun("certificate", ("cert",), "Certificates of links to satellites.", (
    Command("list", ("l",), "Show whose certificates are valid until when.", (PASTABLE,), list_certificates,
            reads=True),
))
