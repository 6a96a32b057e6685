"""Bearer tokens: who may call the REST API. The token itself is shown once and never stored."""

from __future__ import annotations

import hashlib
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from msgspec import Struct

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class AuthToken(Struct, frozen=True):
    """`digest` is the hexadecimal SHA-256 of the token, `ip_filter` a list of addresses and networks, comma-separated.

    A token without `expires_ms` never expires; an empty filter admits every address.
    """

    number: int
    digest: str
    description: str = ""
    created_ms: int = 0
    expires_ms: int | None = None
    ip_filter: str = ""
    is_active: bool = True

    def is_valid(self, now_ms: int) -> bool:
        return self.is_active and (self.expires_ms is None or now_ms < self.expires_ms)


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def networks(ip_filter: str) -> tuple[Network, ...]:
    """Raises ValueError for what is neither an address nor a network."""
    return tuple(ip_network(part.strip(), strict=False) for part in ip_filter.split(",") if part.strip())


def admits(allowed: tuple[Network, ...], client: str) -> bool:
    """Whether a client's address is in one of the networks; an IPv4 address inside IPv6 counts as itself."""
    if not allowed:
        return True
    try:
        address: Address = ip_address(client.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in allowed)
