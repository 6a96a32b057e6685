"""Random work on volumes whose content is known, and random mishaps of machines; all of it drawn from a seed.

A workman keeps a ledger of what the controller has acknowledged. A call that ended without an answer, or with a
refusal, may have been carried out or not: then what the ledger says about that volume is read anew, and its content may
be that of before or that of after.
"""

from __future__ import annotations

import http.client
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from three_hosts import NODES, NOT_CONNECTED, SIZE_KIB, ThreeHosts, word_of, write

from tools.rest import RestRefused

Words = dict[str, frozenset[str]]
"""Node -> the words one of which is the content of the volume there."""
MOST_VOLUMES = 6
NOT_REACHED = (OSError, http.client.HTTPException)


@dataclass(frozen=True)
class Entry:
    """What has to be true of a definition. Not `sure`: the call that made it so was not acknowledged."""

    words: Words
    size_kib: int = SIZE_KIB
    snapshots: dict[str, Words] = field(default_factory=dict)
    sure: bool = True
    still: bool = True
    """Nothing that was asked for is left to be done: it may be written to."""


class Workman:
    """Works on volumes of its own, one call at a time."""

    def __init__(self, site: ThreeHosts, number: int, seed: str, tell: Callable[[str], None]) -> None:
        self.site = site
        self.ledger: dict[str, Entry] = {}
        self.gone: set[str] = set()
        """What was acknowledged to be deleted or renamed, and has not been made anew."""
        self.calls = 0
        self._prefix = f"w{number}"
        self._random = Random(f"{seed} {number}")
        self._tell = tell
        self._made = 0

    def work_until(self, deadline: float) -> None:
        while time.monotonic() < deadline:
            name = self._random.choice(sorted(self.ledger)) if self.ledger else ""
            jobs = [self.create] if len(self.ledger) < MOST_VOLUMES else []
            if name:
                jobs += [self.write, self.write, self.snapshot, self.delete_snapshot, self.roll_back, self.restore,
                         self.clone, self.rename, self.delete, self.grow, self.drop_replica, self.add_replica]
            self._random.choice(jobs)(name)

    def _call(self, what: str, name: str, method: str, path: str, body: Any = None) -> bool | None:
        """True when it was acknowledged and done, False when work is left; None when nobody knows what became of it."""
        self.calls += 1
        began = time.monotonic()
        try:
            answer = self.site.call(method, f"/v1/resource-definitions{path}", body)
            entries = answer if isinstance(answer, list) else answer.get("messages", [])
            done: bool | None = NOT_CONNECTED not in {int(entry["ret_code"]) & 0x7FFF for entry in entries}
            result = "done" if done else "done where possible"
        except TimeoutError:
            raise
        except RestRefused as refusal:
            done, result = None, str(refusal)
        except NOT_REACHED as fault:
            done, result = None, repr(fault)
        self._tell(f"{self._prefix} {what} {name}: {result} ({time.monotonic() - began:.1f} s)")
        return done

    def _note(self, name: str, entry: Entry, done: bool | None) -> None:
        """What is true of a name from now on, if the call did what it was to do."""
        before = self.ledger.get(name)
        if done is None:
            self._read_anew(name, entry if before is None else _either(before, entry))
        else:
            self.ledger[name] = replace(entry, still=done and entry.still)
            self.gone.discard(name)

    def _read_anew(self, name: str, candidate: Entry) -> None:
        found = self._found(name)
        self.gone.discard(name)
        if found is None:
            self.ledger.pop(name, None)
            return
        nodes, size_kib, snapshots = found
        # What is moving may come to a node where it is not yet.
        self.ledger[name] = Entry(
            {**{node: frozenset({""}) for node in nodes}, **candidate.words}, size_kib,
            {snapshot: candidate.snapshots[snapshot] for snapshot in snapshots if snapshot in candidate.snapshots},
            sure=False, still=False)

    def _found(self, name: str) -> tuple[list[str], int, list[str]] | None:
        """Nodes, size and snapshots of a definition as REST shows them; waits until somebody answers."""
        path = f"/v1/resource-definitions/{name}"
        while True:
            try:
                self.site.get(path)
                sizes = [found["size_kib"] for found in self.site.get(f"{path}/volume-definitions")]
                return ([found["node_name"] for found in self.site.get(f"{path}/resources")], sizes[0] if sizes else 0,
                        [found["name"] for found in self.site.get(f"{path}/snapshots")])
            except RestRefused as refusal:
                if refusal.status == 404:
                    return None
            except NOT_REACHED:
                time.sleep(0.05)

    def _some(self, nodes: list[str]) -> list[str]:
        return self._random.sample(nodes, self._random.randint(1, len(nodes)))

    def _new_name(self) -> str:
        """Now and then one that was used before."""
        if self.gone and self._random.random() < 0.3:
            return self._random.choice(sorted(self.gone))
        self._made += 1
        return f"{self._prefix}n{self._made}"

    # What a workman does

    def create(self, _: str) -> None:
        name, nodes = self._new_name(), self._some(sorted(NODES))
        empty = Entry({})
        done = self._call("define", name, "POST", "", {"resource_definition": {"name": name}})
        self._note(name, replace(empty, size_kib=0), done)
        if name in self.ledger:
            done = self._call("size", name, "POST", f"/{name}/volume-definitions",
                              {"volume_definition": {"size_kib": SIZE_KIB}})
            self._note(name, empty, done)
        if name in self.ledger and self.ledger[name].size_kib:
            self._place(name, nodes)

    def _place(self, name: str, nodes: list[str]) -> None:
        before = self.ledger[name]
        done = self._call("place", name, "POST", f"/{name}/resources", [
            {"resource": {"node_name": node, "props": {"StorPoolName": "thin"}}, "layer_list": ["STORAGE"]}
            for node in nodes])
        self._note(name, replace(before, words={**before.words, **{node: frozenset({""}) for node in nodes}}), done)

    def add_replica(self, name: str) -> None:
        missing = sorted(NODES.keys() - self.ledger[name].words)
        if missing and self.ledger[name].size_kib:
            self._place(name, [self._random.choice(missing)])

    def drop_replica(self, name: str) -> None:
        before = self.ledger[name]
        if len(before.words) > 1:
            node = self._random.choice(sorted(before.words))
            done = self._call(f"leave {node}", name, "DELETE", f"/{name}/resources/{node}")
            self._note(name, replace(before, words={each: words for each, words in before.words.items()
                                                    if each != node}), done)

    def write(self, name: str) -> None:
        """On one node, if nothing is left to be done there and its device can be had now."""
        before = self.ledger[name]
        if not before.still or not before.words:
            return
        node = self._random.choice(sorted(before.words))
        with suppress(RestRefused, *NOT_REACHED):
            volumes = self.site.get(f"/v1/resource-definitions/{name}/resources/{node}/volumes")
            device = volumes[0].get("device_path") if volumes else ""
            if device:
                self._write(name, node, device)

    def _write(self, name: str, node: str, device: str) -> None:
        held = os.open(device, os.O_RDWR)
        try:
            # As long as it is open nobody can give the device to another volume; before, that may have happened.
            backing = Path(f"/sys/block/{Path(device).name}/loop/backing_file").read_text().strip()
            disk = str(self.site.hosts[node].directory)
            if backing.startswith(f"{disk}/pool/") and not backing.endswith("(deleted)"):
                found = word_of(device)
                before = self.ledger[name]
                assert found in before.words[node], (
                    f"{name} on {node} has '{found}', expected was one of {sorted(before.words[node])}")
                self._made += 1
                word = f"{name} on {node}, number {self._made}"
                write(device, word)
                self.ledger[name] = replace(before, words={**before.words, node: frozenset({word})})
                self._tell(f"{self._prefix} wrote '{word}' to {device}")
        finally:
            os.close(held)

    def snapshot(self, name: str) -> None:
        before = self.ledger[name]
        if not before.words or len(before.snapshots) > 2:
            return
        self._made += 1
        snapshot = f"s{self._made}"
        done = self._call(f"snapshot {snapshot} of", name, "POST", f"/{name}/snapshots", {"name": snapshot})
        self._note(name, replace(before, snapshots={**before.snapshots, snapshot: before.words}), done)

    def delete_snapshot(self, name: str) -> None:
        before = self.ledger[name]
        if before.snapshots:
            snapshot = self._random.choice(sorted(before.snapshots))
            done = self._call(f"delete snapshot {snapshot} of", name, "DELETE", f"/{name}/snapshots/{snapshot}")
            self._note(name, replace(before, snapshots={each: words for each, words in before.snapshots.items()
                                                        if each != snapshot}), done)

    def roll_back(self, name: str) -> None:
        before = self.ledger[name]
        if before.snapshots:
            snapshot = self._random.choice(sorted(before.snapshots))
            done = self._call(f"roll back to {snapshot}", name, "POST", f"/{name}/snapshot-rollback/{snapshot}", {})
            words = before.snapshots[snapshot]
            after = replace(before, words={node: words.get(node, before.words[node]) for node in before.words})
            # A rollback that finds the volume in use is called off, also one that was taken up already.
            self._note(name, after if done else _either(before, after), done)

    def restore(self, name: str) -> None:
        before = self.ledger[name]
        if not before.snapshots or len(self.ledger) >= MOST_VOLUMES:
            return
        snapshot, copy = self._random.choice(sorted(before.snapshots)), self._new_name()
        done = self._call("define", copy, "POST", "", {"resource_definition": {"name": copy}})
        self._note(copy, Entry({}, size_kib=0), done)
        for half in ("volume-definition", "resource"):
            if copy in self.ledger:
                done = self._call(f"restore {half} of {snapshot} as {copy}", name, "POST",
                                  f"/{name}/snapshot-restore-{half}/{snapshot}", {"to_resource": copy})
                words = before.snapshots[snapshot] if half == "resource" else {}
                self._note(copy, Entry(words), None if copy in self.ledger and done is None else done)
                self._measure(copy)

    def _measure(self, name: str) -> None:
        """What a copy is like, REST has to tell: its size and nodes are those of the source at the time."""
        found = self._found(name)
        if name in self.ledger and found is not None:
            entry, (nodes, size_kib, _) = self.ledger[name], found
            self.ledger[name] = replace(entry, size_kib=size_kib, words={
                **{node: frozenset({""}) for node in nodes},
                **{node: words for node, words in entry.words.items() if node in nodes or not entry.sure}})

    def clone(self, name: str) -> None:
        if not self.ledger[name].words or len(self.ledger) >= MOST_VOLUMES:
            return
        copy = self._new_name()
        done = self._call(f"clone as {copy}", name, "POST", f"/{name}/clone", {"name": copy})
        self._note(copy, replace(self.ledger[name], snapshots={}, still=False), done)
        self._measure(copy)

    def rename(self, name: str) -> None:
        before, new = self.ledger[name], self._new_name()
        done = self._call(f"rename to {new}", name, "POST", f"/{name}/rename", {"new_name": new})
        if done is None:
            self._read_anew(new, before)
            self._read_anew(name, before)
        else:
            self._note(new, before, done)
            del self.ledger[name]
            self.gone.add(name)

    def grow(self, name: str) -> None:
        before = self.ledger[name]
        if 0 < before.size_kib < 4 * SIZE_KIB:
            size_kib = before.size_kib + SIZE_KIB // 2
            done = self._call("grow", name, "PUT", f"/{name}/volume-definitions/0", {"size_kib": size_kib})
            self._note(name, replace(before, size_kib=size_kib), done)

    def delete(self, name: str) -> None:
        before = self.ledger[name]
        if before.snapshots:
            self.delete_snapshot(name)
            return
        done = self._call("delete", name, "DELETE", f"/{name}")
        if done is None:
            self._read_anew(name, before)
        else:
            del self.ledger[name]
            self.gone.add(name)


def _either(one: Entry, other: Entry) -> Entry:
    """One of both is true."""
    return replace(other, words=_either_words(one.words, other.words), snapshots={
        name: _either_words(one.snapshots.get(name, {}), other.snapshots.get(name, {}))
        for name in {*one.snapshots, *other.snapshots}})


def _either_words(one: Words, other: Words) -> Words:
    return {node: one.get(node, frozenset()) | other.get(node, frozenset()) for node in {*one, *other}}
