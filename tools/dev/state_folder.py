"""Where `./dev up` keeps everything: one folder, which `./dev down --wipe` removes again."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
from msgspec import Struct

from tools.services import CHECKOUT

DEFAULT = CHECKOUT / ".state"


class StateFolderRefused(Exception):
    """The folder is not ours to use."""


class Setup(Struct, frozen=True):
    """What the first `up` chose, so that every later one finds it again. Addresses are host:port."""

    listen: str
    satellite_listen: str
    node_name: str


class StateFolder:
    """The paths below the folder. `setup.json` marks it as ours: nothing else is ever wiped."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.pool = self.root / "pool"
        self.image = self.root / "pool.xfs"
        self.data = self.root / "linstor"
        self.log = self.root / "linstor.log"
        self.identity = self.root / "process.json"
        self.url = self.root / "url"
        self._setup = self.root / "setup.json"

    def setup(self) -> Setup | None:
        """What an earlier `up` chose; None for a folder that is not there or empty. Raises StateFolderRefused."""
        try:
            return msgspec.json.decode(self._setup.read_bytes(), type=Setup)
        except FileNotFoundError:
            if self.root.exists() and any(self.root.iterdir()):
                raise StateFolderRefused(f"{self.root} holds files of somebody else: name an empty folder") from None
            return None
        except (msgspec.DecodeError, NotADirectoryError) as error:
            raise StateFolderRefused(f"{self._setup} can't be read: {error}") from error

    def keep(self, setup: Setup) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        unfinished = self._setup.with_suffix(".new")
        unfinished.write_bytes(msgspec.json.encode(setup))
        unfinished.rename(self._setup)
        self.url.write_text(f"http://{setup.listen}")

    def shown(self, path: Path) -> str:
        """A path as a reader in the checkout would type it."""
        return str(path.relative_to(CHECKOUT)) if path.is_relative_to(CHECKOUT) else str(path)

    def remove(self) -> None:
        """The marker goes last, so that a removal that was cut off can be repeated."""
        for path in self.root.iterdir():
            if path == self._setup:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        self._setup.unlink(missing_ok=True)
        self.root.rmdir()
