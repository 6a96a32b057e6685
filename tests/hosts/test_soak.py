"""A bounded soak: random work of two workmen, random kills and cuts, and in the end everything fits.

LINSTOR_SOAK_SECONDS makes it longer, LINSTOR_SOAK_SEED another one.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor

from mishaps import Mishaps
from soak import Workman
from three_hosts import ThreeHosts, word_of

SECONDS = float(os.environ.get("LINSTOR_SOAK_SECONDS", "25"))
SEED = os.environ.get("LINSTOR_SOAK_SEED", "1")


def test_nothing_is_lost_left_or_mixed_up_whatever_dies(site: ThreeHosts) -> None:
    print(f"LINSTOR_SOAK_SEED={SEED} LINSTOR_SOAK_SECONDS={SECONDS:g}")
    began = time.monotonic()

    def tell(text: str) -> None:
        print(f"{time.monotonic() - began:7.2f} {text}", flush=True)

    workmen = [Workman(site, number, SEED, tell) for number in (1, 2)]
    mishaps = Mishaps(site, SEED, tell)
    with ThreadPoolExecutor(len(workmen)) as threads:
        working = [threads.submit(workman.work_until, began + SECONDS) for workman in workmen]
        mishaps.happen_until(began + SECONDS)
        for each in working:
            each.result()
    tell(f"{sum(workman.calls for workman in workmen)} calls, {mishaps.count} mishaps; settling")
    site.settle(120)
    _compare(site, workmen)

    before = site.picture()
    site.kill_controller()
    site.start_controller()
    site.settle()
    assert site.picture() == before
    _compare(site, workmen)
    for name in site.names():
        site.delete(name)
    site.settle()


def _compare(site: ThreeHosts, workmen: list[Workman]) -> None:
    """Everything that was acknowledged is there, nothing that was not asked for, and every content is right."""
    ledger = {name: entry for workman in workmen for name, entry in workman.ledger.items()}
    names = site.names()
    assert {name for name, entry in ledger.items() if entry.sure} <= names <= set(ledger)
    for name in names:
        entry, path = ledger[name], f"/v1/resource-definitions/{name}"
        nodes = {found["node_name"] for found in site.get(f"{path}/resources")}
        sizes = [found["size_kib"] for found in site.get(f"{path}/volume-definitions")]
        snapshots = {found["name"]: found for found in site.get(f"{path}/snapshots")
                     if "SUCCESSFUL" in found["flags"]}
        if entry.sure:
            assert nodes == set(entry.words), name
            assert sizes == ([entry.size_kib] if entry.size_kib else []), name
            assert set(snapshots) == set(entry.snapshots), name
        for node in nodes if sizes else ():
            assert word_of(site.device(name, node)) in entry.words.get(node, {""}), f"{name} on {node}"
        for snapshot, found in snapshots.items():
            for node in found["nodes"]:
                allowed = entry.snapshots.get(snapshot, {}).get(node, frozenset())
                assert word_of(site.snapshot_file(name, snapshot, node)) in allowed, f"{snapshot} of {name} on {node}"
