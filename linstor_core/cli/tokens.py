"""linstor controller token …"""

from __future__ import annotations

from linstor_core.cli.arguments import PASTABLE
from linstor_core.cli.call import Call
from linstor_core.cli.grammar import Arg, Command, Noun, UsageError
from linstor_core.cli.screen import GREEN, YELLOW, Cell, Column
from linstor_core.wire.api_call_rc import ApiCallRc
from linstor_core.wire.rest_diagnostics import AuthTokenCreate, AuthTokenInitialize, AuthTokenModify


def list_tokens(call: Call) -> None:
    call.table([Column("Id", right=True), Column("Description"), Column("Created"), Column("Expires"),
                Column("Addresses"), Column("State")],
               ([token.id, token.description, token.created_at, token.expires_at, token.ip_filter,
                 Cell("active", GREEN) if token.is_active else Cell("suspended", YELLOW)]
                for token in call.client.auth_tokens().list))


def _issued(call: Call, entries: list[ApiCallRc]) -> None:
    """The token stands in the answer only, and only once."""
    call.show(entries)
    if not call.as_json:
        for entry in entries:
            if "token" in entry.obj_refs:
                call.screen.line(f"Token: {entry.obj_refs['token']}")


def create(call: Call) -> None:
    args = call.args
    _issued(call, call.client.create_auth_token(AuthTokenCreate(
        description=args.description, expires_at=args.expires, ip_filter=args.ip_filter)))


def initialize(call: Call) -> None:
    args = call.args
    _issued(call, call.client.initialize_auth(AuthTokenInitialize(
        description=args.description, only_satellites=args.only_satellites, no_https=args.no_https)))


def modify(call: Call) -> None:
    args = call.args
    if args.suspend and args.activate:
        raise UsageError("--suspend and --activate exclude each other")
    active = False if args.suspend else True if args.activate else None
    call.show(call.client.modify_auth_token(args.token_id, AuthTokenModify(
        description=args.description, ip_filter=args.ip_filter, is_active=active)))


_ID = Arg("token_id", "its number", kind=int)
_DESCRIPTION = Arg("description", "what it is for")
_ADDRESSES = Arg("--ip-filter", "only from these addresses and networks, comma separated")

TOKENS = Noun("token", ("tok",), "What callers show to be let in.", (
    Command("list", ("l",), "Show the tokens, without what callers have to send.", (PASTABLE,), list_tokens,
            reads=True),
    Command("create", ("c",), "Make a token.",
            (Arg("--expires", "until when: a date and time in ISO form"), _ADDRESSES, _DESCRIPTION), create),
    Command("modify", ("m",), "Change, suspend or reactivate a token.",
            (Arg("--description", "a new text", aliases=("-d",)), _ADDRESSES,
             Arg("--suspend", "let nobody in with it", "flag"), Arg("--activate", "as before", "flag"), _ID), modify),
    Command("delete", ("d",), "Revoke a token.", (_ID,),
            lambda call: call.show(call.client.delete_auth_token(call.args.token_id))),
    Command("initialize", ("init",), "Make a first token and demand tokens from then on.",
            (Arg("--only-satellites", "of satellites only", "flag"),
             Arg("--no-https", "without switching HTTPS on", "flag"), _DESCRIPTION), initialize),
))
