"""Bearer tokens: create, change, revoke, and switch their enforcement on."""

from __future__ import annotations

import datetime
from typing import Any

from msgspec import structs

from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.route import Route
from linstor_core.domain.auth_tokens import AuthToken, digest_of, networks
from linstor_core.domain.cluster import Cluster
from linstor_core.domain.errors import Code, InvalidInput, NotFound
from linstor_core.wire import api_call_rc as rc
from linstor_core.wire import rest_diagnostics as rest
from linstor_core.wire.api_call_rc import ApiCallRc

ENABLED = "Auth/TokenAuthenticationEnabled"
NO_EFFECT = 10007


def is_enabled(cluster: Cluster) -> bool:
    return cluster.controller.props.get(ENABLED, "").lower() in ("true", "yes")


def is_enforced(cluster: Cluster, now_ms: int) -> bool:
    """LINSTOR's rule: a cluster without any valid token is open, else nobody could make the first one."""
    return is_enabled(cluster) and any(token.is_valid(now_ms) for token in cluster.auth_tokens.values())


def _issue(cluster: Cluster, context: Context, call: Call[Any], body: rest.AuthTokenCreate,
           ) -> tuple[AuthToken, ApiCallRc]:
    """A new token and the only answer that ever holds its text."""
    text = context.new_secret() + context.new_secret()
    now_ms = context.now_ms()
    number = max((token.number for token in cluster.auth_tokens.values()), default=0) + 1
    token = AuthToken(number, digest_of(text), body.description, now_ms, _expiry(body.expires_at, now_ms),
                      _filter(body.ip_filter))
    answer = call.rc(rc.Severity.SUCCESS, rc.CREATED, f"Token {number} is made. Keep it: it is not shown again.",
                     refs={"token": text})
    return token, answer


def _expiry(text: str | None, now_ms: int) -> int | None:
    if not text:
        return None
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"'{text}' is not a time.", Code.INVLD_REQUEST, bare=True,
                           correction="Write it as ISO 8601, for instance 2031-12-31T23:59:59Z.") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    expires_ms = int(moment.timestamp() * 1000)
    if expires_ms <= now_ms:
        raise InvalidInput(f"{text} is in the past.", Code.INVLD_REQUEST, bare=True,
                           correction="Give a time that is still to come, or none for a token that never expires.")
    return expires_ms


def _filter(text: str | None) -> str:
    try:
        networks(text or "")
    except ValueError as fault:
        raise InvalidInput("The filter for addresses is not valid.", Code.INVLD_REQUEST, cause=str(fault), bare=True,
                           correction="Give addresses and networks with commas between them, for instance "
                                      "192.0.2.7,2001:db8::/64.") from None
    return (text or "").strip()


def create(cluster: Cluster, context: Context, call: Call[rest.AuthTokenCreate]) -> Change:
    token, answer = _issue(cluster, context, call, call.body)
    return Change(puts=(token,), answers=(answer,))


def initialize(cluster: Cluster, context: Context, call: Call[rest.AuthTokenInitialize]) -> Change:
    if call.body.only_satellites:
        raise InvalidInput("Tokens for satellites alone are not supported.", Code.INVLD_REQUEST, bare=True,
                           correction="Leave only_satellites out to protect the REST API.")
    if is_enforced(cluster, context.now_ms()):
        return Change(answers=(call.rc(rc.Severity.INFO, NO_EFFECT, "Token authentication is already enabled."),))
    token, answer = _issue(cluster, context, call, rest.AuthTokenCreate(description=call.body.description))
    answers = [answer]
    if not call.body.no_https:
        answers.append(call.rc(rc.Severity.WARN, 3001, "HTTPS was not switched on: this controller has none.",
                               correction="Tokens travel in clear text: use a TLS proxy, or loopback only."))
    props = {**cluster.controller.props, ENABLED: "true"}
    return Change(puts=(token, structs.replace(cluster.controller, props=props)), answers=tuple(answers))


def _found(cluster: Cluster, call: Call[Any]) -> AuthToken:
    number = call.path["number"]
    token = cluster.auth_tokens.get(number)
    if token is None:
        raise NotFound(f"There is no token {number}.", Code.NOT_FOUND_AUTH_TOKEN, bare=True,
                       correction="GET /v1/controller/auth/token lists the tokens.")
    return token


def modify(cluster: Cluster, _: Context, call: Call[rest.AuthTokenModify]) -> Change:
    token, body = _found(cluster, call), call.body
    changed = structs.replace(
        token, description=token.description if body.description is None else body.description,
        ip_filter=token.ip_filter if body.ip_filter is None else _filter(body.ip_filter),
        is_active=token.is_active if body.is_active is None else body.is_active)
    return Change(puts=(changed,), answers=(
        call.rc(rc.Severity.SUCCESS, rc.MODIFIED, f"Token {token.number} is changed."),))


def revoke(cluster: Cluster, _: Context, call: Call[Any]) -> Change:
    token = _found(cluster, call)
    return Change(deletes=((AuthToken, str(token.number)),), answers=(
        call.rc(rc.Severity.SUCCESS, rc.DELETED, f"Token {token.number} is revoked."),))


def list_tokens(cluster: Cluster, _: Call[Any]) -> object:
    tokens = sorted(cluster.auth_tokens.values(), key=lambda token: token.number)
    return rest.AuthTokens(count=len(tokens), list=tuple(
        rest.AuthToken(id=token.number, description=token.description, created_at=_iso(token.created_ms),
                       is_active=token.is_active, expires_at=_iso(token.expires_ms), ip_filter=token.ip_filter,
                       is_user_token=True) for token in tokens))


def _iso(moment_ms: int | None) -> str:
    if moment_ms is None:
        return ""
    return datetime.datetime.fromtimestamp(moment_ms / 1000, datetime.UTC).isoformat()


_PATH = "/v1/controller/auth"
ROUTES = (
    Route("GET", f"{_PATH}/token", "The tokens that callers may have, without what they send", read=list_tokens,
          answer=rest.AuthTokens),
    Route("POST", f"{_PATH}/token", "Make a token; the answer holds it, once", write=create, body=rest.AuthTokenCreate,
          success=201),
    Route("PUT", f"{_PATH}/token/<number>", "Change, suspend or reactivate a token", write=modify,
          body=rest.AuthTokenModify),
    Route("DELETE", f"{_PATH}/token/<number>", "Revoke a token", write=revoke),
    Route("POST", f"{_PATH}/initialize-token-auth", "Make a first token and demand tokens from now on",
          write=initialize, body=rest.AuthTokenInitialize, success=201, lenient=True),
)
