"""Lets requests in that carry a valid bearer token, once tokens are demanded."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable

from linstor_core.controller.change import Change
from linstor_core.controller.operations.auth_tokens import is_enabled
from linstor_core.domain.auth_tokens import AuthToken, Network, admits, digest_of, networks
from linstor_core.domain.cluster import Cluster

_OPEN = ("/", "/health", "/ui")
_PROVED_OTHERWISE = ("POST", "/v1/nodes/join")
"""The caller proves by an invitation that he may."""
_PREFIX = b"bearer "


class TokenGate:
    """Keeps what it needs of the published cluster, so that a request costs one digest and one look-up."""

    def __init__(self, cluster: Cluster, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._take(cluster)

    def published(self, before: Cluster, after: Cluster, _: Change) -> None:
        if before.controller is not after.controller or before.auth_tokens is not after.auth_tokens:
            self._take(after)

    def _take(self, cluster: Cluster) -> None:
        tokens = cluster.auth_tokens.values() if is_enabled(cluster) else ()
        self._tokens: dict[str, tuple[AuthToken, tuple[Network, ...]]] = {
            token.digest: (token, networks(token.ip_filter)) for token in tokens}

    def admits(self, path: str, headers: Iterable[tuple[bytes, bytes]], client: str, method: str = "GET") -> bool:
        """Whether a request may go on; `client` is the address it comes from."""
        if not self._tokens or path in _OPEN or path.startswith("/ui/") or (method, path) == _PROVED_OTHERWISE:
            return True
        now_ms = self._now_ms()
        if not any(token.is_valid(now_ms) for token, _ in self._tokens.values()):
            return True
        sent = next((value for name, value in headers if name == b"authorization"), b"")
        if sent[:len(_PREFIX)].lower() != _PREFIX:
            return False
        digest = digest_of(sent[len(_PREFIX):].strip().decode("latin-1"))
        token, allowed = self._tokens.get(digest, (None, ()))
        return (token is not None and hmac.compare_digest(token.digest, digest) and token.is_valid(now_ms)
                and admits(allowed, client))
