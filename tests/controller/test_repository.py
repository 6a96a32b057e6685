"""The database: what was committed is there again, what can't be read or written is refused and harms nothing."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from linstor_core.controller import migrations
from linstor_core.controller.repository import Repository
from linstor_core.domain.cluster import Cluster, ControllerSettings
from linstor_core.domain.errors import DatabaseUnavailable
from linstor_core.domain.nodes import NetInterface, Node, NodeType
from linstor_core.domain.resource_definitions import ResourceDefinition, VolumeDefinition
from linstor_core.domain.resources import Resource, Volume

SETTINGS = ControllerSettings("cluster-1", 3, {"Aux/x": "1"})
NODE = Node("n-uuid", "Alpha", NodeType.SATELLITE, (NetInterface("i", "default", "127.0.0.1", 3366, "PLAIN"),))
DEFINITION = ResourceDefinition("d-uuid", "vol", "DfltRscGrp", volume_definitions=(VolumeDefinition("v", 0, 1024),))
RESOURCE = Resource("r-uuid", "vol", "alpha", volumes=(Volume("u", 0, "thin", "vol_00000", "data-1"),))


def opened(folder: Path) -> Repository:
    repository = Repository.in_folder(folder)
    repository.open()
    return repository


def test_everything_committed_is_loaded_again_with_its_indexes(tmp_path: Path) -> None:
    repository = opened(tmp_path)
    repository.commit([((SETTINGS, NODE), ()), ((DEFINITION, RESOURCE), ())], revision=7)
    repository.close()

    again = opened(tmp_path)
    cluster, revision = again.load()
    again.close()

    assert cluster is not None
    assert revision == 7
    assert cluster.controller == SETTINGS
    assert cluster.node("ALPHA") == NODE
    assert cluster.resources_of("VOL") == (RESOURCE,)
    assert cluster.usage["ALPHA", "THIN"].reserved_kib == 1024


def test_a_new_database_has_no_cluster(tmp_path: Path) -> None:
    repository = opened(tmp_path)
    assert repository.load() == (None, 0)
    repository.close()


def test_the_last_word_of_a_batch_is_stored(tmp_path: Path) -> None:
    repository = opened(tmp_path)
    repository.commit([((SETTINGS, NODE), ()), ((), ((Node, "ALPHA"),))], revision=1)
    repository.commit([((), ((ResourceDefinition, "VOL"),)), ((DEFINITION,), ())], revision=2)
    cluster, _ = repository.load()
    repository.close()
    assert cluster is not None
    assert not cluster.nodes
    assert cluster.definition("vol") == DEFINITION


def test_a_corrupt_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "linstor.db"
    file.write_bytes(b"this is no database, it only looks like a file" * 200)
    before = file.read_bytes()
    with pytest.raises(DatabaseUnavailable, match="can't be opened") as refused:
        opened(tmp_path)
    assert refused.value.correction
    assert file.read_bytes() == before


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    opened(tmp_path).close()
    with sqlite3.connect(tmp_path / "linstor.db") as raw:
        raw.execute("UPDATE settings SET value = '999' WHERE name = 'schema'")
    raw.close()
    with pytest.raises(DatabaseUnavailable, match="newer release"):
        opened(tmp_path)


def test_a_damaged_document_is_named(tmp_path: Path) -> None:
    repository = opened(tmp_path)
    repository.commit([((SETTINGS, NODE), ())], revision=1)
    repository.close()
    with sqlite3.connect(tmp_path / "linstor.db") as raw:
        raw.execute("UPDATE documents SET body = '{}' WHERE kind = 'node'")
    raw.close()
    again = opened(tmp_path)
    with pytest.raises(DatabaseUnavailable, match="'node' is damaged"):
        again.load()
    again.close()


def test_a_failed_commit_changes_nothing_and_the_next_one_works(tmp_path: Path) -> None:
    repository = opened(tmp_path)
    repository.commit([((SETTINGS,), ())], revision=1)
    blocker = sqlite3.connect(tmp_path / "linstor.db", isolation_level=None)
    blocker.execute("CREATE TRIGGER full BEFORE INSERT ON documents BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
    with pytest.raises(DatabaseUnavailable, match="nothing was changed") as refused:
        repository.commit([((NODE,), ())], revision=2)
    assert "disk is full" in refused.value.cause
    blocker.execute("DROP TRIGGER full")
    blocker.close()
    repository.commit([((DEFINITION,), ())], revision=3)
    cluster, revision = repository.load()
    repository.close()
    assert cluster is not None
    assert (revision, len(cluster.nodes), len(cluster.resource_definitions)) == (3, 0, 1)


@pytest.mark.parametrize("golden", sorted(Path(__file__).parent.parent.glob("migrations/*.json")), ids=lambda p: p.stem)
def test_every_stored_form_is_still_read(golden: Path) -> None:
    kind, _, version = golden.stem.rpartition("-v")
    document = migrations.decode(kind, int(version), golden.read_bytes())
    assert Cluster(controller=SETTINGS).with_documents([document], ())


def test_every_kind_has_a_golden_file_of_its_version() -> None:
    folder = Path(__file__).parent.parent / "migrations"
    missing = [f"{kind}-v{version}" for kind, version in migrations.VERSIONS.items()
               if not (folder / f"{kind}-v{version}.json").exists()]
    assert not missing
