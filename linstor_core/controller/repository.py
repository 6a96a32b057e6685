"""The database: one table of versioned documents, written through by SQLAlchemy Core. The only module with SQL."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol, Self

import msgspec
import sqlalchemy as sa

from linstor_core.controller import migrations
from linstor_core.domain.cluster import KINDS, Cluster, ControllerSettings, Document, Key
from linstor_core.domain.errors import Code, DatabaseNewer, DatabaseUnavailable, InvalidInput

_metadata = sa.MetaData()
_documents = sa.Table(
    "documents", _metadata,
    sa.Column("kind", sa.String(40), primary_key=True),
    sa.Column("key", sa.String(512), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
_settings = sa.Table(
    "settings", _metadata,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("value", sa.String(200), nullable=False),
)
_SEPARATOR = "\x1f"

Write = tuple[Sequence[Document], Sequence[tuple[type, Key]]]
"""Documents to store and keys to remove, from one Change."""


def _text(key: Key) -> str:
    return key if isinstance(key, str) else _SEPARATOR.join(key)


class Database(Protocol):
    """The seam to what keeps the documents. One thread uses it at a time, but for `copy_to`."""

    def open(self) -> None:
        """Raises DatabaseUnavailable when it cannot be read, is corrupt, or was written by a newer release."""

    def load(self) -> tuple[Cluster | None, int]:
        """The stored cluster (None in a new database) and its revision."""

    def commit(self, writes: Iterable[Write], revision: int) -> None:
        """Make all writes durable in one transaction, or none. Raises DatabaseUnavailable."""

    def close(self) -> None: ...


class Repository:
    """Reads everything once at start, then only writes. Not thread safe: one thread uses it at a time."""

    def __init__(self, url: str) -> None:
        """`url` is SQLAlchemy's; `sqlite:///FILE` for the embedded database."""
        self._engine = sa.create_engine(url, hide_parameters=True,
                                        poolclass=sa.pool.StaticPool if url.startswith("sqlite") else None,
                                        connect_args={"check_same_thread": False} if url.startswith("sqlite") else {})
        if url.startswith("sqlite"):
            sa.event.listen(self._engine, "connect", _prepare_sqlite)
        self._connection: sa.Connection | None = None

    @classmethod
    def in_folder(cls, folder: Path) -> Self:
        folder.mkdir(parents=True, exist_ok=True)
        return cls(f"sqlite:///{folder / 'linstor.db'}")

    def open(self) -> None:
        """Raises DatabaseUnavailable when it cannot be read, is corrupt, or was written by a newer release."""
        self._make_private()
        try:
            self._connection = self._engine.connect()
            _metadata.create_all(self._connection)
            found = self._connection.execute(
                sa.select(_settings.c.value).where(_settings.c.name == "schema")).scalar()
            if found is not None and int(found) > migrations.SCHEMA:
                raise DatabaseNewer(
                    f"The database was written by a newer release (schema {found}, this release knows "
                    f"{migrations.SCHEMA}).", Code.SQL, correction="Start the newer release, or restore the backup "
                    "that was made before the upgrade.")
            if found is None:
                self._connection.execute(_settings.insert().values(name="schema", value=str(migrations.SCHEMA)))
            self._connection.commit()
        except sa.exc.SQLAlchemyError as fault:
            raise _unavailable("The database can't be opened.", fault) from fault

    def _make_private(self) -> None:
        """Only the owner may read the file: the key of the cluster's authority is in there."""
        name = self._engine.url.database
        if self._engine.dialect.name != "sqlite" or not name or name == ":memory:":
            return
        # Whoever is not the owner can't change that; whether the file can be used at all is seen next.
        with contextlib.suppress(OSError):
            file = Path(name)
            file.touch(mode=0o600)
            file.chmod(file.stat().st_mode & 0o700)

    def load(self) -> tuple[Cluster | None, int]:
        """The stored cluster (None in a new database) and its revision."""
        cluster = decoded(self._rows())
        return cluster, self._revision() if cluster is not None else 0

    def _rows(self) -> Iterable[tuple[str, int, bytes]]:
        try:
            rows = self._live().execute(sa.select(_documents.c.kind, _documents.c.version, _documents.c.body)).all()
        except sa.exc.SQLAlchemyError as fault:
            raise _unavailable("The database can't be read.", fault) from fault
        return [(row[0], row[1], row[2]) for row in rows]

    def _revision(self) -> int:
        found = self._live().execute(sa.select(_settings.c.value).where(_settings.c.name == "revision")).scalar()
        return int(found or 0)

    def commit(self, writes: Iterable[Write], revision: int) -> None:
        """Make all writes durable in one transaction, or none. Raises DatabaseUnavailable."""
        connection = self._live()
        rows, gone = net_effect(writes)
        try:
            if gone:
                connection.execute(_documents.delete().where(
                    _documents.c.kind == sa.bindparam("k"), _documents.c.key == sa.bindparam("n")), gone)
            if rows:
                connection.execute(_upsert(connection.dialect.name), rows)
            connection.execute(_upsert_setting(connection.dialect.name), {"name": "revision", "value": str(revision)})
            connection.commit()
        except sa.exc.SQLAlchemyError as fault:
            self._roll_back()
            raise _unavailable("The change could not be stored; nothing was changed.", fault) from fault

    def _roll_back(self) -> None:
        try:
            self._live().rollback()
        except sa.exc.SQLAlchemyError:
            # A connection that can't even roll back is of no more use; the next commit opens a fresh one.
            self._live().invalidate()

    def _live(self) -> sa.Connection:
        if self._connection is None:
            raise DatabaseUnavailable("The database is closed.", Code.SQL)
        return self._connection

    @property
    def location(self) -> str:
        """Where the database is, without a password."""
        return self._engine.url.render_as_string(hide_password=True)

    def copy_to(self, path: Path) -> None:
        """Write a consistent copy into an empty file, by a connection of its own: any thread may do it at any time.

        Raises InvalidInput for a database that has its own tools for this, DatabaseUnavailable.
        """
        if self._engine.dialect.name != "sqlite":
            raise InvalidInput(f"This controller can't copy a {self._engine.dialect.name} database.",
                               Code.INVLD_REQUEST, bare=True, correction="Use the database's own backup.")
        engine = sa.create_engine(self._engine.url, poolclass=sa.pool.NullPool, isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                connection.execute(sa.text("VACUUM INTO :path"), {"path": str(path)})
        except sa.exc.SQLAlchemyError as fault:
            raise _unavailable("The database could not be copied.", fault) from fault
        finally:
            engine.dispose()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._engine.dispose()


def _prepare_sqlite(connection: Any, _: Any) -> None:
    """WAL with synchronous=FULL: a commit that returned survives a power cut."""
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000", "wal_autocheckpoint=2000"):
        connection.execute(f"PRAGMA {pragma}")


def decoded(rows: Iterable[tuple[str, int, bytes]]) -> Cluster | None:
    """The cluster of all stored rows (kind, version, body), of older releases too; None in a new database."""
    documents: list[Document] = [migrations.decode(kind, version, body) for kind, version, body in rows]
    settings = next((d for d in documents if isinstance(d, ControllerSettings)), None)
    return Cluster(controller=settings).with_documents(documents, ()) if settings is not None else None


def net_effect(writes: Iterable[Write]) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """The last word on every key, so that one statement of each sort stores a whole batch."""
    final: dict[tuple[str, str], Document | None] = {}
    for puts, deletes in writes:
        for cls, key in deletes:
            final[KINDS[cls].name, _text(key)] = None
        for document in puts:
            kind = KINDS[type(document)]
            final[kind.name, _text(kind.key(document))] = document
    rows = [{"kind": kind, "key": key, "version": migrations.VERSIONS[kind], "body": msgspec.json.encode(document)}
            for (kind, key), document in final.items() if document is not None]
    gone = [{"k": kind, "n": key} for (kind, key), document in final.items() if document is None]
    return rows, gone


def _upsert(dialect: str) -> Any:
    return _replace_on_conflict(dialect, _documents, ["kind", "key"], ["version", "body"])


def _upsert_setting(dialect: str) -> Any:
    return _replace_on_conflict(dialect, _settings, ["name"], ["value"])


def _replace_on_conflict(dialect: str, table: sa.Table, key: list[str], values: list[str]) -> Any:
    cached = _statements.get((dialect, table.name))
    if cached is None:
        if dialect == "postgresql":
            from sqlalchemy.dialects.postgresql import insert
        else:
            from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]
        statement = insert(table)
        cached = statement.on_conflict_do_update(
            index_elements=key, set_={name: statement.excluded[name] for name in values})
        _statements[dialect, table.name] = cached
    return cached


_statements: dict[tuple[str, str], Any] = {}


def _unavailable(message: str, fault: Exception) -> DatabaseUnavailable:
    reason = str(getattr(fault, "orig", None) or fault)
    return DatabaseUnavailable(message, Code.SQL, cause=reason,
                               correction="Check the free space, the permissions and the health of the disk that "
                                          "holds the database; restore a backup if it is corrupt.")
