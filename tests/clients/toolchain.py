"""Programs that others published, built once a version into a per-user cache: Go modules and Java libraries.

Nothing of theirs lies in this repository. What cannot be built on a machine skips its tests and says why.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tools import services
from tools.processes import CommandFailed, run

BUILD_WITHIN_S = 1200
INSTALL_WITHIN_S = 300
SHOWN_LINES = 200
GO_MINOR = 26
"""linstor-csi v1.11.2 asks for Go 1.26, golinstor v0.61.0 for 1.23."""
GOLINSTOR_CHATTER = "[DEBUG]"
"""How golinstor begins the line that it writes for every request."""


def cache_root() -> Path:
    """Where builds stay between runs; LINSTOR_CLIENT_CACHE puts it elsewhere."""
    named = os.environ.get("LINSTOR_CLIENT_CACHE")
    caches = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return Path(named) if named else caches / "linstor-clients"


def need(command: str, package: str) -> str:
    """The command's path, its Debian package installed where that is possible. Skips the test where it is not."""
    found = shutil.which(command)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        argv = ["apt-get", "-qq", "install", "-y", "--no-install-recommends", package]
        try:
            run(argv, timeout_s=INSTALL_WITHIN_S, environment=environment)
        except CommandFailed as failure:
            pytest.skip(f"needs {command}, and {package} could not be installed: {failure.output.strip()[-300:]}")
        found = shutil.which(command)
    if found is None:
        pytest.skip(f"needs {command} (Debian package {package})")
    return found


def go_toolchain() -> str:
    """A Go that compiles all of it: the machine's, or one that an older one fetches from Go's own registry."""
    found = need("go", "golang-go")
    matched = re.match(r"go1\.(\d+)", _go_version(found))
    return found if matched and int(matched[1]) >= GO_MINOR else _fetched_toolchain(found)


def _fetched_toolchain(older: str) -> str:
    """Go releases are modules, too: a Go that is too old to run them by itself downloads them and checks their sums."""
    name = f"go1.{GO_MINOR}.0.linux-{run([older, 'env', 'GOARCH'], cwd=Path('/')).strip()}"

    def build(place: Path) -> None:
        shutil.copytree(_module(older, "golang.org/toolchain", f"v0.0.1-{name}"), place, dirs_exist_ok=True)
        for program in (*place.glob("bin/*"), *place.glob("pkg/tool/*/*")):
            program.chmod(0o755)

    return str(cached("toolchain", name, build) / "bin/go")


def _module(go: str, module: str, version: str) -> Path:
    """Where the module cache has it, downloaded where it has it not."""
    facts = run_build([go, "mod", "download", "-json", f"{module}@{version}"], Path("/"))
    return Path(json.loads(facts)["Dir"])


def go_binary(package: str, module: str, version: str, go: str) -> Path:
    """The binary of `package`, built inside the published `module@version`: its own go.sum pins what it imports."""
    def build(place: Path) -> None:
        _compile([go, "build", "-p", "1", "-trimpath", "-o", str(place), package], _module(go, module, version))

    name = Path(package).name
    return cached(f"{name}-{version}", _key(package, module, version, _go_version(go)), build) / name


def go_test_binary(source: Path, go: str) -> Path:
    """The test binary of a package of this repository, whose go.sum pins what it imports."""
    def build(place: Path) -> None:
        _compile([go, "test", "-c", "-p", "1", "-trimpath", "-o", str(place / "tests"), "."], source)

    texts = [path.read_text() for path in sorted(source.iterdir()) if path.suffix in {".go", ".mod", ".sum"}]
    return cached(source.name, _key(_go_version(go), *texts), build) / "tests"


def java_classes(source: Path, maven: str, compiler: str) -> str:
    """A class path: what the pom.xml of `source` depends on, from Maven Central, and the classes of its .java files."""
    def fetch(place: Path) -> None:
        run_build([maven, "--batch-mode", "--quiet", "-f", str(source / "pom.xml"), "dependency:copy-dependencies",
                   f"-DoutputDirectory={place}"], source)

    def build(place: Path) -> None:
        run_build([compiler, "-cp", f"{libraries}/*", "-d", str(place), *map(str, sources)], source)

    pom, sources = (source / "pom.xml").read_text(), sorted(source.glob("*.java"))
    libraries = cached(f"{source.name}-libraries", _key(pom), fetch)
    classes = cached(f"{source.name}-classes", _key(pom, *(path.read_text() for path in sources)), build)
    return f"{classes}:{libraries}/*"


def cached(name: str, key: str, build: Callable[[Path], None]) -> Path:
    """The folder that `build` filled, now or in an earlier run; an interrupted build leaves nothing that counts."""
    root = cache_root()
    root.mkdir(parents=True, exist_ok=True)
    place = root / f"{name}-{key}"
    with _only_one(root / f"{name}.lock"):
        if not place.exists():
            unfinished = root / f"{name}-{key}.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            build(unfinished)
            unfinished.rename(place)
    return place


def run_client(argv: list[str], folder: Path, *, timeout_s: float, environment: dict[str, str] | None = None,
               log: Path | None = None) -> str:
    """What it said. Fails the test with the end of that, and of a log that tells the other side."""
    try:
        return run(argv, timeout_s=timeout_s, cwd=folder, environment=environment)
    except CommandFailed as failure:
        lines = [line for line in failure.output.splitlines() if not line.startswith(GOLINSTOR_CHATTER)]
        told = [f"{Path(argv[0]).name} ended with {failure.status}:", *lines[-SHOWN_LINES:]]
    if log is not None:
        told += [f"\nThe end of {log.name}:", services.tail(log, 40)]
    pytest.fail("\n".join(told), pytrace=False)


def run_build(argv: list[str], folder: Path, environment: dict[str, str] | None = None) -> str:
    """The same, for what compiles or downloads, with the lowest priority."""
    return run_client(["nice", "-n", "19", *argv], folder, timeout_s=BUILD_WITHIN_S, environment=environment)


def _compile(argv: list[str], folder: Path) -> None:
    """No cgo: no C compiler is needed."""
    run_build(argv, folder, {**os.environ, "CGO_ENABLED": "0"})


def _go_version(go: str) -> str:
    return run([go, "env", "GOVERSION"], cwd=Path("/")).strip()


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    with lock.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
