"""What happens in a history, drawn from its seed beforehand: a list of events that any subset of can be played, too."""

from __future__ import annotations

from random import Random
from typing import Any

from msgspec import Struct, structs

RESOURCES = ("alpha", "bravo", "charlie", "delta", "echo")
SNAPSHOTS = ("monday", "tuesday")
SIZES_KIB = (4096, 8192, 16384)
_LONGEST_S = 90.0

CALLS = {
    "deploy": 10, "add_replica": 5, "autoplace": 3, "delete_resource": 7, "delete_definition": 5, "add_volume": 2,
    "delete_volume": 3, "resize": 4, "take_snapshot": 8, "delete_snapshot": 4, "restore": 5, "roll_back": 5, "clone": 4,
    "deactivate": 2, "activate": 3, "rename": 3, "lose_node": 1, "add_node": 2, "delete_node": 1, "add_pool": 1,
    "delete_pool": 1, "set_property": 2, "reconnect": 1, "move": 8, "migrate_disk": 2, "evacuate": 2,
    "evict": 1, "restore_node": 2, "cancel_job": 3, "forget_job": 1, "abandon_tombstone": 1, "adopt_orphan": 3,
    "remove_orphan": 2,
}
HOST_DEEDS = {"write": 24, "hold_open": 3}
FAULTS = {
    "kill_controller": 4, "kill_controller_soon": 4, "kill_controller_in_commit": 4, "kill_satellite": 4,
    "kill_satellite_soon": 3, "kill_satellite_in_step": 5, "kill_satellite_in_journal": 3, "cut_power": 4,
    "cut_power_in_step": 3, "partition": 6, "tear": 5, "fail_steps": 4, "fail_journal": 2, "fail_commits": 3,
    "set_clock": 2, "slow_down": 2, "repeat_messages": 2, "hide_files": 2,
    "boot_without_pool": 3,
}
"""How often each is drawn, relative to the others of its sort."""

_WORK = {"deploy": 4, "take_snapshot": 3, "restore": 2, "clone": 2, "move": 3, "delete_resource": 3, "roll_back": 2}
_HIT_WORK = {"kill_satellite_in_step", "cut_power_in_step", "kill_satellite_in_journal", "kill_controller_in_commit",
             "kill_controller_soon", "kill_satellite_soon", "fail_steps", "fail_journal", "fail_commits", "partition",
             "tear"}
"""Faults that are of interest while something goes on."""

_HELD_WORK = {"delete_resource": 3, "delete_definition": 2, "roll_back": 3, "deactivate": 1, "move": 1,
              "delete_volume": 2}
"""What minds that a device is open."""


class Event(Struct, frozen=True):
    at_s: float
    kind: str
    names: dict[str, Any]
    draw: int = 0
    """Chooses among what is there."""
    aimed: bool = False
    """Whether it is pointed at something that is there."""


class Script(Struct, frozen=True):
    """`nodes` are there from the beginning, each with its pools."""

    seed: int
    nodes: int
    hosts: int
    """Some may be without a node of the cluster at first."""
    length_s: float
    events: tuple[Event, ...]

    def without(self, dropped: frozenset[int]) -> Script:
        kept = tuple(event for number, event in enumerate(self.events) if number not in dropped)
        return Script(self.seed, self.nodes, self.hosts, self.length_s, kept)


def drawn(seed: int) -> Script:
    random = Random(f"{seed}-script")
    hosts = random.choice((1, 2, 3, 3, 3, 4, 5))
    nodes = hosts if random.random() < 0.7 else random.randint(1, hosts)
    length_s = random.uniform(10.0, _LONGEST_S)
    sorts = [(_some(random, CALLS), random.randint(8, 30)), (HOST_DEEDS, random.randint(2, 10)),
             (_some(random, FAULTS), random.choice((0, 1, 2, 4, 6, 8, 12)))]
    events = [_event(random, table, hosts, length_s) for table, count in sorts for _ in range(count)]
    events += [_event(random, {"deploy": 1}, hosts, 3.0) for _ in range(2)]
    for event in tuple(events):
        table = _HELD_WORK if event.kind == "hold_open" else _WORK if event.kind in _HIT_WORK else {}
        if table and random.random() < 0.6:
            work = _event(random, table, hosts, length_s)
            events.append(structs.replace(work, at_s=event.at_s + 0.02,
                                          names={**work.names, "host": event.names["host"]}))
    return Script(seed, nodes, hosts, length_s, tuple(sorted(events, key=lambda event: event.at_s)))


def _some(random: Random, table: dict[str, int]) -> dict[str, int]:
    """Not every history has everything: what is left out makes room for more of the rest."""
    kept = {kind: weight for kind, weight in table.items() if random.random() < 0.7}
    return kept or table


def _event(random: Random, table: dict[str, int], hosts: int, length_s: float) -> Event:
    kind = random.choices(list(table), list(table.values()))[0]
    at_s = random.uniform(0.0, length_s)
    resource, other = random.sample(RESOURCES, 2)
    host = random.randrange(hosts)
    names = {
        "resource": resource, "other": other, "snapshot": random.choice(SNAPSHOTS), "host": host,
        "peer": random.randrange(hosts), "size_kib": random.choice(SIZES_KIB), "number": random.choice((0, 0, 1)),
        "count": random.randint(1, 3), "lasts_s": random.choice((0.5, 2.0, 8.0, 20.0, 40.0)),
        "ways": random.choice(("both", "there", "back")), "steps": random.randint(0, 6),
        "pool": "thin" if random.random() < 0.85 else "thick", "content": f"{random.getrandbits(64):016x}",
        "file_system": "ext4" if random.random() < 0.2 else "",
    }
    return Event(at_s, kind, names, random.getrandbits(16), random.random() < 0.85)
