"""Where controllers are: LINSTOR's notation for them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

HTTP_PORT = 3370
HTTPS_PORT = 3371
DEFAULT_CONTROLLER = "http://localhost:3370"
_SCHEMES = {"linstor": "http", "linstor+ssl": "https", "http": "http", "https": "https"}


def controller_urls(text: str) -> tuple[str, ...]:
    """The base URLs that a list like `node1,linstor+ssl://node2:3371` stands for; empty text gives this machine.

    Raises ValueError for what is no address of a controller.
    """
    urls = tuple(_url(part) for part in re.split(r"[,\s]+", text.strip()) if part)
    return urls or (DEFAULT_CONTROLLER,)


def _url(part: str) -> str:
    split = urlsplit(part if "://" in part else f"linstor://{part}")
    scheme = _SCHEMES.get(split.scheme)
    if scheme is None:
        raise ValueError(f"'{part}': the scheme has to be one of {', '.join(_SCHEMES)}")
    if not split.hostname or split.query or split.fragment or split.path not in ("", "/"):
        raise ValueError(f"'{part}' is not the address of a controller: give a host and, if need be, a port")
    host = f"[{split.hostname}]" if ":" in split.hostname else split.hostname
    return f"{scheme}://{host}:{split.port or (HTTPS_PORT if scheme == 'https' else HTTP_PORT)}"
