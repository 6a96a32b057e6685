"""What every plugin has to keep, whatever its platform calls things: repeated, half-done and simultaneous calls, names
that LINSTOR does not take, things that are not there, and a controller that goes away in the middle.

A test module makes a class of `PluginContract` and gives it two fixtures: `controller` (host:port of a controller with
the node on this machine, and a resource group), and `plugin_on`, which makes a plugin that knows some controllers.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Protocol

import pytest

from linstor_core.testing.relay import CutPoint, Relay

SIZE_KIB = 8 * 1024
MOST_CALLS = 12
"""No verb needs more changing calls than this."""
_numbers = itertools.count(1)


class PluginUnderTest(Protocol):
    """A plugin, called the way its platform calls it. All names are the platform's own.

    Every method either ends well or raises one of `refusals`; what the platform's call does not tell is asked of the
    plugin's listing. Methods that the platform has no call for are named in `missing`, and never called.
    """

    refusals: tuple[type[Exception], ...]
    missing: frozenset[str]
    strange_names: Sequence[str]
    """Names of volumes that the platform allows and LINSTOR does not."""

    def new_name(self, number: int) -> str:
        """A name of a volume as the platform makes it, another one for each number."""

    def create(self, volume: str, size_kib: int) -> None: ...

    def volumes(self) -> dict[str, int]:
        """Everything that the plugin lists: name -> size in KiB."""

    def grow(self, volume: str, size_kib: int) -> None: ...

    def attach(self, volume: str) -> str:
        """Make it usable on the node; gives the path of its device here."""

    def detach(self, volume: str) -> None: ...

    def snapshot(self, volume: str, snapshot: str) -> None: ...

    def snapshots(self, volume: str) -> set[str]: ...

    def delete_snapshot(self, volume: str, snapshot: str) -> None: ...

    def roll_back(self, volume: str, snapshot: str) -> None: ...

    def restore(self, volume: str, snapshot: str, new_volume: str) -> None: ...

    def clone(self, volume: str, new_volume: str) -> None: ...

    def rename(self, volume: str, new_volume: str) -> None: ...

    def delete(self, volume: str) -> None:
        """Snapshots are gone by then."""

    def free_kib(self) -> int: ...


PluginOn = Callable[[Sequence[str]], PluginUnderTest]
"""Controllers (host:port), in the order in which they are tried -> plugin."""


class Case:
    """A volume `name` of one plugin, with content and a snapshot `s1`, and `other`, a name that is free."""

    def __init__(self, plugin: PluginUnderTest, with_snapshot: bool = True) -> None:
        self.plugin = plugin
        self.name, self.other = plugin.new_name(next(_numbers)), plugin.new_name(next(_numbers))
        plugin.create(self.name, SIZE_KIB)
        self.write(self.name, b"then")
        if with_snapshot and "snapshot" not in plugin.missing:
            plugin.snapshot(self.name, "s1")
            self.write(self.name, b"now.")

    def write(self, name: str, content: bytes) -> None:
        with open(self.plugin.attach(name), "r+b", buffering=0) as device:
            device.write(content.ljust(4096, b"\0"))
            os.fsync(device.fileno())
        self.plugin.detach(name)

    def read(self, name: str) -> bytes:
        with open(self.plugin.attach(name), "rb", buffering=0) as device:
            content = device.read(4096).rstrip(b"\0")
        self.plugin.detach(name)
        return content

    def clear(self) -> None:
        for name in (self.name, self.other):
            if name not in self.plugin.volumes():
                continue
            if "snapshots" not in self.plugin.missing:
                for snapshot in self.plugin.snapshots(name):
                    self.plugin.delete_snapshot(name, snapshot)
            self.plugin.delete(name)


Verb = tuple[str, Callable[[PluginUnderTest, Case], None], Callable[[Case], None]]


def _is_listed(case: Case, *names: str) -> None:
    mine = {name for name in case.plugin.volumes() if name in (case.name, case.other)}
    assert mine == set(names)


def _has(case: Case, name: str, content: bytes, size_kib: int = SIZE_KIB) -> None:
    assert case.plugin.volumes()[name] == size_kib
    assert case.read(name) == content


def _created(case: Case) -> None:
    _has(case, case.other, b"")
    case.write(case.other, b"new.")


def _restored(case: Case) -> None:
    _has(case, case.other, b"then")
    _has(case, case.name, b"now.")


def _cloned(case: Case) -> None:
    _has(case, case.other, b"now.")
    _has(case, case.name, b"now.")


def _renamed(case: Case) -> None:
    _is_listed(case, case.other)
    _has(case, case.other, b"now.")


def _snapshots(case: Case, *names: str) -> None:
    assert case.plugin.snapshots(case.name) == set(names)
    _has(case, case.name, b"now.")


VERBS: tuple[Verb, ...] = (
    ("create", lambda plugin, case: plugin.create(case.other, SIZE_KIB), _created),
    ("grow", lambda plugin, case: plugin.grow(case.name, 2 * SIZE_KIB),
     lambda case: _has(case, case.name, b"now.", 2 * SIZE_KIB)),
    ("snapshot", lambda plugin, case: plugin.snapshot(case.name, "s2"), lambda case: _snapshots(case, "s1", "s2")),
    ("delete_snapshot", lambda plugin, case: plugin.delete_snapshot(case.name, "s1"), _snapshots),
    ("roll_back", lambda plugin, case: plugin.roll_back(case.name, "s1"), lambda case: _has(case, case.name, b"then")),
    ("restore", lambda plugin, case: plugin.restore(case.name, "s1", case.other), _restored),
    ("clone", lambda plugin, case: plugin.clone(case.name, case.other), _cloned),
    ("rename", lambda plugin, case: plugin.rename(case.name, case.other), _renamed),
    ("attach", lambda plugin, case: plugin.detach(_attached(plugin, case)),
     lambda case: _has(case, case.name, b"now.")),
)
"""(verb, the call, what is so afterwards)"""
_DELETE: Verb = ("delete", lambda plugin, case: plugin.delete(case.name), _is_listed)


def _attached(plugin: PluginUnderTest, case: Case) -> str:
    plugin.attach(case.name)
    return case.name


def _needs(plugin: PluginUnderTest, *verbs: str) -> None:
    missing = sorted({*verbs} & plugin.missing)
    if missing:
        pytest.skip(f"the platform has no {', '.join(missing)}")


def _prepared(plugin: PluginUnderTest, verb: Verb) -> Case:
    _needs(plugin, verb[0], *(("snapshot",) if verb[0] in ("restore", "roll_back", "delete_snapshot") else ()))
    return Case(plugin, with_snapshot=verb[0] != "delete")


_each_verb = pytest.mark.parametrize("verb", (*VERBS, _DELETE), ids=lambda verb: verb[0])


class PluginContract:
    """See the module."""

    @pytest.fixture
    def plugin(self, plugin_on: PluginOn, controller: str) -> PluginUnderTest:
        return plugin_on([controller])

    @_each_verb
    def test_a_call_may_be_repeated(self, plugin: PluginUnderTest, verb: Verb) -> None:
        _, call, check = verb
        case = _prepared(plugin, verb)
        call(plugin, case)
        call(plugin, case)
        check(case)
        case.clear()

    @_each_verb
    def test_two_may_ask_for_the_same_at_once(self, plugin_on: PluginOn, controller: str, verb: Verb) -> None:
        _, call, check = verb
        plugins = [plugin_on([controller]), plugin_on([controller])]
        case = _prepared(plugins[0], verb)
        faults: list[str] = []
        barrier = threading.Barrier(2)

        def ask(plugin: PluginUnderTest) -> None:
            barrier.wait()
            try:
                call(plugin, case)
            except Exception as fault:
                faults.append(repr(fault))

        threads = [threading.Thread(target=ask, args=(plugin,)) for plugin in plugins]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert faults == []
        check(case)
        case.clear()

    @_each_verb
    def test_the_next_controller_goes_on(self, plugin_on: PluginOn, controller: str, verb: Verb) -> None:
        """The first one goes away during the first, the second, … call that changes something, in each of the ways."""
        _, call, check = verb
        healthy = plugin_on([controller])
        left = set(CutPoint)
        for at, point in itertools.product(range(1, MOST_CALLS), CutPoint):
            if point not in left:
                continue
            case = _prepared(healthy, verb)
            with Relay(controller) as first, Relay(controller) as second:
                plugin = plugin_on([first.address, second.address])
                first.cut(point, at)
                try:
                    call(plugin, case)
                except plugin.refusals:
                    call(plugin, case)  # A platform that was told of a failure asks again.
                if not first.was_cut:
                    left.remove(point)
            check(case)
            case.clear()
        assert not left, "the verb has more calls than the test goes through"

    @_each_verb
    def test_a_call_that_stopped_half_way_is_completed(self, plugin_on: PluginOn, controller: str, verb: Verb) -> None:
        """All controllers go away, the plugin is started anew, and the platform asks again."""
        _, call, check = verb
        healthy = plugin_on([controller])
        for at in range(1, MOST_CALLS):
            case = _prepared(healthy, verb)
            with Relay(controller) as only:
                plugin = plugin_on([only.address])
                only.cut(CutPoint.UNANSWERED, at)
                if only_once := _ends(plugin, call, case):
                    assert not only.was_cut
            call(healthy, case)
            check(case)
            case.clear()
            if only_once:
                return
        raise AssertionError("the verb has more calls than the test goes through")

    def test_a_path_leads_over_the_name_that_stays(self, plugin: PluginUnderTest) -> None:
        """Devices have other numbers after a reboot, and platforms write paths down."""
        case = Case(plugin, with_snapshot=False)
        path = plugin.attach(case.name)
        assert "/by-res/" in path or "/by-res/" in os.readlink(path)
        plugin.detach(case.name)
        case.clear()

    def test_no_controller_at_all_is_a_refusal(self, plugin_on: PluginOn, controller: str) -> None:
        with ExitStack() as stack:
            gone = [stack.enter_context(Relay(controller)).address for _ in range(2)]
        plugin = plugin_on(gone)
        with pytest.raises(plugin.refusals):
            plugin.create(plugin.new_name(next(_numbers)), SIZE_KIB)

    def test_names_that_linstor_does_not_take(self, plugin: PluginUnderTest) -> None:
        names = list(plugin.strange_names)
        for number, name in enumerate(names, 1):
            plugin.create(name, number * SIZE_KIB)
            plugin.create(name, number * SIZE_KIB)
        listed = plugin.volumes()
        assert {name: listed.get(name) for name in names} == {
            name: number * SIZE_KIB for number, name in enumerate(names, 1)}
        for name in names:
            if "snapshot" not in plugin.missing:
                plugin.snapshot(name, "s1")
                plugin.delete_snapshot(name, "s1")
            plugin.delete(name)
        assert not set(names) & set(plugin.volumes())

    def test_what_is_not_there(self, plugin: PluginUnderTest) -> None:
        nobody, other = plugin.new_name(next(_numbers)), plugin.new_name(next(_numbers))
        plugin.delete(nobody)
        calls: dict[str, Callable[[], object]] = {
            "grow": lambda: plugin.grow(nobody, SIZE_KIB),
            "attach": lambda: plugin.attach(nobody),
            "snapshot": lambda: plugin.snapshot(nobody, "s1"),
            "roll_back": lambda: plugin.roll_back(nobody, "s1"),
            "restore": lambda: plugin.restore(nobody, "s1", other),
            "clone": lambda: plugin.clone(nobody, other),
            "rename": lambda: plugin.rename(nobody, other),
        }
        for verb, call in calls.items():
            if verb not in plugin.missing:
                with pytest.raises(plugin.refusals):
                    call()
        if "delete_snapshot" not in plugin.missing:
            plugin.delete_snapshot(nobody, "s1")
        if "detach" not in plugin.missing:
            plugin.detach(nobody)
        assert not {nobody, other} & set(plugin.volumes())

    def test_a_missing_snapshot_is_refused_and_harms_nothing(self, plugin: PluginUnderTest) -> None:
        _needs(plugin, "snapshot", "roll_back")
        case = Case(plugin)
        with pytest.raises(plugin.refusals):
            plugin.roll_back(case.name, "s7")
        plugin.delete_snapshot(case.name, "s7")
        _has(case, case.name, b"now.")
        case.clear()

    def test_another_volume_of_that_name_is_never_taken_for_the_result(self, plugin: PluginUnderTest) -> None:
        case = Case(plugin)
        plugin.create(case.other, 2 * SIZE_KIB)
        case.write(case.other, b"mine")
        calls: dict[str, Callable[[], object]] = {
            "restore": lambda: plugin.restore(case.name, "s1", case.other),
            "clone": lambda: plugin.clone(case.name, case.other),
            "rename": lambda: plugin.rename(case.name, case.other),
        }
        for verb, call in calls.items():
            if verb not in plugin.missing:
                with pytest.raises(plugin.refusals):
                    call()
        _has(case, case.other, b"mine", 2 * SIZE_KIB)
        _has(case, case.name, b"then" if "snapshot" in plugin.missing else b"now.")
        case.clear()

    def test_a_volume_in_use_is_neither_deleted_nor_rolled_back(self, plugin: PluginUnderTest) -> None:
        case = Case(plugin)
        with open(plugin.attach(case.name), "rb"):
            if not {"roll_back", "snapshot"} & plugin.missing:
                with pytest.raises(plugin.refusals):
                    plugin.roll_back(case.name, "s1")
                plugin.delete_snapshot(case.name, "s1")
            with pytest.raises(plugin.refusals):
                plugin.delete(case.name)
        plugin.detach(case.name)
        _has(case, case.name, b"then" if "snapshot" in plugin.missing else b"now.")
        case.clear()

    def test_space_is_told(self, plugin: PluginUnderTest) -> None:
        _needs(plugin, "free_kib")
        assert plugin.free_kib() > SIZE_KIB


def _ends(plugin: PluginUnderTest, call: Callable[[PluginUnderTest, Case], None], case: Case) -> bool:
    try:
        call(plugin, case)
    except plugin.refusals:
        return False
    return True
