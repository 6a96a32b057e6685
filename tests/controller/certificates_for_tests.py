"""Certificates as an administrator makes them by himself, and such as nobody should be let in with."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

from linstor_core.controller import certificate_making as making
from linstor_core.controller.certificate_making import Owner, Period
from linstor_core.controller.link_files import LinkFiles
from linstor_core.satellite.credentials import TlsFiles

DAY_MS = 86_400_000
_serials = itertools.count(1000)


class TestAuthority:
    """Signs whatever it is asked to."""

    __test__ = False

    def __init__(self, folder: Path, name: str = "authority") -> None:
        now_ms = time.time_ns() // 1_000_000
        self._folder = folder
        self.authority, self._key = making.new_authority(name, next(_serials), Period(now_ms - DAY_MS, now_ms + DAY_MS))
        self.file = self.write(name, self.authority.certificate)

    def write(self, name: str, text: str) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{name}.pem"
        path.write_text(text)
        return path

    def pair(self, name: str, uri: str, days: float = 1) -> Path:
        """Key and certificate in one file; expired with negative `days`."""
        now_ms = time.time_ns() // 1_000_000
        key = making.new_key()
        period = Period(now_ms - 10 * DAY_MS, int(now_ms + days * DAY_MS))
        certificate = making.issue(self.authority, self._key, making.public_key_of(key), Owner(name, uri),
                                   serial=next(_serials), period=period)
        return self.write(name.replace(":", "-"), key + certificate)

    def controller(self, days: float = 1, uri: str = making.CONTROLLER.uri) -> LinkFiles:
        return LinkFiles(self.pair("controller", uri, days), self.file)

    def satellite(self, uuid: str, days: float = 1) -> TlsFiles:
        return TlsFiles(self.pair("satellite", making.satellite("n", uuid).uri, days), self.file)
