"""The house rules that a machine can hold: who imports whom, how long things get, and what nothing is called."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CORE = ROOT / "linstor_core"
FUNCTION_LINES = 50
FILE_LINES = 400

SIDES = {
    "domain": {"domain"},
    "wire": {"wire", "domain"},
    "client": {"client", "wire", "domain"},
    "daemons": {"daemons", "domain", "wire"},
    "controller": {"controller", "daemons", "wire", "domain"},
    "satellite": {"satellite", "daemons", "wire", "domain"},
    "cli": {"cli", "client", "wire", "domain"},
    "web": {"web"},
    "testing": {"testing", "domain", "wire", "client", "controller", "satellite", "cli", "daemons", "single"},
    "single": {"single", "controller", "satellite", "daemons", "domain", "wire"},
}
"""Package -> the packages of linstor_core that it may import."""

PURE = {"domain", "wire"}
IMPURE_MODULES = {"asyncio", "os", "pathlib", "random", "secrets", "shutil", "socket", "subprocess", "threading",
                  "time"}
ONE_MODULE_EACH = ("flask", "requests", "subprocess", "sqlalchemy", "websockets", "uvicorn", "oslo_config")
"""Libraries that one module a side may import, so that they can be replaced there."""

BANNED_WORDS = {"manager", "handler", "helper", "helpers", "util", "utils", "common", "base", "misc"}
ALLOWED_NAMES = {"add_signal_handler", "call_exception_handler", "remove_signal_handler", "errorhandler",
                 "register_error_handler", "base_url"}


def _python_files(*folders: Path) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


ALL_FILES = _python_files(CORE, ROOT / "tools", ROOT / "tests", ROOT / "plugins")
CORE_FILES = _python_files(CORE)


def _relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def _imports(path: Path) -> Iterator[tuple[str, int]]:
    """(dotted name, line) of every import, those inside functions included."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{_relative(path)}:{node.lineno}: a relative import"
            module = node.module or ""
            yield module, node.lineno
            yield from ((f"{module}.{alias.name}", node.lineno) for alias in node.names)


def _side(path: Path) -> str:
    return path.relative_to(CORE).parts[0].removesuffix(".py")


def _defined_names(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno


def _words(name: str) -> set[str]:
    """The words of a snake_case or CamelCase name, in lower case."""
    return {word.lower() for part in name.split("_") for word in re.findall(r"[A-Z]*[a-z0-9]+|[A-Z]+", part)}


def test_every_package_imports_only_what_it_may() -> None:
    faults = []
    for path in CORE_FILES:
        side = _side(path)
        if side == "__init__":
            continue
        assert side in SIDES, f"{_relative(path)}: say in SIDES what {side} may import"
        for name, line in _imports(path):
            parts = name.split(".")
            if parts[0] == "linstor_core" and len(parts) > 1 and parts[1] not in SIDES[side] | {"__version__"}:
                faults.append(f"{_relative(path)}:{line} imports {name}")
    assert faults == []


def test_domain_and_wire_touch_no_clock_no_randomness_no_world() -> None:
    faults = [f"{_relative(path)}:{line} imports {name}" for path in CORE_FILES if _side(path) in PURE
              for name, line in _imports(path) if name.split(".")[0] in IMPURE_MODULES]
    assert faults == []


def test_operations_and_placement_are_pure() -> None:
    faults = [f"{_relative(path)}:{line} imports {name}"
              for path in _python_files(CORE / "controller/operations", CORE / "controller/placement")
              for name, line in _imports(path) if name.split(".")[0] in IMPURE_MODULES]
    assert faults == []


@pytest.mark.parametrize("library", ONE_MODULE_EACH)
def test_a_library_has_one_door_a_side(library: str) -> None:
    doors: dict[str, set[str]] = {}
    for path in CORE_FILES:
        for name, _ in _imports(path):
            if name.split(".")[0] == library:
                doors.setdefault(_side(path), set()).add(_relative(path))
    # Flask is the router of one app module and the response type of the bridge under it.
    allowed = {"flask": {"controller": 2}}.get(library, {})
    faults = {side: sorted(paths) for side, paths in doors.items() if len(paths) > allowed.get(side, 1)}
    assert faults == {}


def test_plugins_import_the_client_only() -> None:
    faults = [f"{_relative(path)}:{line} imports {name}" for path in _python_files(ROOT / "plugins")
              for name, line in _imports(path)
              if name.startswith("linstor_core") and name != "linstor_core"
              and not name.startswith("linstor_core.client")]
    assert faults == []


def test_every_plugin_is_a_distribution_that_the_checks_see() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    for folder in sorted(path.parent for path in (ROOT / "plugins").glob("*/pyproject.toml")):
        project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        package, place = f"linstor_{folder.name}", _relative(folder)
        assert (project["name"], project["license"]) == (f"linstor-{folder.name}", "Apache-2.0")
        assert (folder / package / "py.typed").exists()
        assert package in tools["mypy"]["packages"]
        assert place in tools["mypy"]["mypy_path"].split(":")
        assert place in tools["pytest"]["ini_options"]["pythonpath"]


def test_the_product_imports_no_tools_and_no_tests() -> None:
    faults = [f"{_relative(path)}:{line} imports {name}" for path in CORE_FILES
              for name, line in _imports(path) if name.split(".")[0] in {"tools", "tests", "pytest", "hypothesis"}
              and not (_side(path) == "testing" and name.split(".")[0] in {"pytest", "hypothesis"})]
    assert faults == []


def test_tools_stay_outside_the_product() -> None:
    # They meet controller and satellite as processes, the way everybody else does.
    faults = [f"{_relative(path)}:{line} imports {name}" for path in _python_files(ROOT / "tools")
              for name, line in _imports(path)
              if name.startswith("linstor_core.") and name.split(".")[1] not in {"client", "domain", "wire"}]
    assert faults == []


def test_functions_stay_within_their_budget() -> None:
    faults = [f"{_relative(path)}:{node.lineno} {node.name}: {node.end_lineno - node.lineno + 1} lines"
              for path in ALL_FILES for node in ast.walk(_tree(path))
              if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
              and node.end_lineno is not None and node.end_lineno - node.lineno + 1 > FUNCTION_LINES]
    assert faults == []


def test_files_stay_within_their_budget() -> None:
    sizes = {_relative(path): len(path.read_text().splitlines()) for path in ALL_FILES}
    assert {name: lines for name, lines in sizes.items() if lines > FILE_LINES} == {}


def test_nothing_has_a_name_that_says_nothing() -> None:
    faults = [f"{_relative(path)}: the file's name" for path in ALL_FILES if _words(path.stem) & BANNED_WORDS]
    faults += [f"{_relative(path)}:{line} {name}" for path in ALL_FILES for name, line in _defined_names(path)
               if _words(name) & BANNED_WORDS and name not in ALLOWED_NAMES and path != Path(__file__)]
    assert faults == []


def test_the_world_is_replaced_at_its_seams_never_patched() -> None:
    faults = [f"{_relative(path)}:{line} imports {name}" for path in ALL_FILES for name, line in _imports(path)
              if name.startswith(("unittest.mock", "mock")) or name == "unittest.mock"]
    faults += [f"{_relative(path)}:{line} takes monkeypatch" for path in ALL_FILES
               for name, line in _defined_names(path) if name == "monkeypatch"]
    assert faults == []


def test_no_two_test_modules_share_a_name() -> None:
    # pytest imports them by their bare names.
    names = [path.name for path in _python_files(ROOT / "tests") if path.name.startswith("test_")]
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_every_function_of_the_product_is_annotated() -> None:
    faults = [f"{_relative(path)}:{node.lineno} {node.name}" for path in CORE_FILES for node in ast.walk(_tree(path))
              if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is None]
    assert faults == []


def test_the_text_names_no_machine() -> None:
    # The folders of one developer's machine mean nothing to anybody else.
    pattern = re.compile(r"/(?:work|root|home/\w+|opt/wheels)/")
    texts = [path for path in ROOT.rglob("*") if path.is_file() and path.suffix in {".py", ".md", ".toml", ".ini", ""}
             and not set(path.relative_to(ROOT).parts[:-1]) & {".git", ".venv", ".state", ".tox", ".mypy_cache",
                                                               ".ruff_cache", ".pytest_cache", ".hypothesis"}]
    faults = [f"{_relative(path)}:{number}" for path in texts
              for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1) if pattern.search(line)]
    assert faults == []
