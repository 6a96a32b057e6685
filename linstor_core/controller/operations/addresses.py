"""What an address, a port and an encryption type may be."""

from __future__ import annotations

import ipaddress

from linstor_core.domain.errors import Code, InvalidInput


def checked_address(address: str) -> str:
    """Raises InvalidInput (210) for what is no IP address."""
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        raise InvalidInput(f"'{address}' is no IP address.", Code.INVLD_NET_ADDR,
                           cause="Satellites are dialled by address: host names are not looked up.",
                           correction="Give an IPv4 or IPv6 address.") from None


def checked_port(port: int) -> int:
    """Raises InvalidInput (211)."""
    if not 1 <= port <= 65535:
        raise InvalidInput(f"{port} is no TCP port.", Code.INVLD_NET_PORT,
                           cause="Ports are numbers from 1 to 65535.")
    return port


def checked_encryption(encryption: str) -> str:
    """PLAIN or SSL. Raises InvalidInput (212)."""
    if encryption.upper() not in ("PLAIN", "SSL"):
        raise InvalidInput(f"'{encryption}' is no encryption type.", Code.INVLD_NET_TYPE,
                           cause="Links to satellites are PLAIN or SSL.")
    return encryption.upper()
