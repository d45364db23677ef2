"""A cache of search results and pages in one SQLite file.

Several processes may use it at once. Only successes are put in it: a failure is asked
for again the next time.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from ..errors import DeepSearchError

CACHE_VERSION = 1
"""Layout of the file, kept in its `user_version`."""

BUSY_SECONDS = 30.0
"""How long a write waits for other processes' writes."""

Kind = Literal["search", "page"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    key TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    provider TEXT NOT NULL,
    subject TEXT NOT NULL,
    settings TEXT NOT NULL,
    value TEXT NOT NULL,
    created REAL NOT NULL,
    expires REAL
) WITHOUT ROWID
"""


class CacheError(DeepSearchError):
    """The cache file cannot be used."""


class Cache:
    """Values by kind, provider, subject (query or URL) and settings.

    Args:
        path: the file; made, with its folders, when absent.
        ttl: seconds an entry is good for; None: for ever.

    Raises:
        CacheError: the file is damaged, of a newer version, or cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], *, ttl: float | None = None) -> None:
        self.path = Path(path)
        self.ttl = ttl
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._pid = 0
        with self._open():
            pass  # a bad file is told at the start, not in the middle of a run

    def get(
        self, kind: Kind, provider: str, subject: str, settings: Mapping[str, Any]
    ) -> Any | None:
        """Return the value put under the same four, or None."""
        key = _key(kind, provider, subject, settings)
        with self._open() as connection:
            row = connection.execute(
                "SELECT value FROM entries WHERE key = ? AND (expires IS NULL OR expires > ?)",
                (key, time.time()),
            ).fetchone()
        return None if row is None else json.loads(row[0])

    def put(
        self,
        kind: Kind,
        provider: str,
        subject: str,
        settings: Mapping[str, Any],
        value: Any,
        *,
        ttl: float | None = None,
    ) -> None:
        """Keep a JSON value; the last one put counts.

        Args:
            kind: what it is.
            provider: name of the search provider or reader.
            subject: query or URL.
            settings: everything else that the value depends on.
            value: anything JSON holds, not None.
            ttl: seconds this entry is good for; the cache's own when None.
        """
        now = time.time()
        seconds = self.ttl if ttl is None else ttl
        row = (
            _key(kind, provider, subject, settings),
            kind,
            provider,
            subject,
            _canonical(settings),
            json.dumps(value, ensure_ascii=False),
            now,
            None if seconds is None else now + seconds,
        )
        with self._open() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row
            )

    def __len__(self) -> int:
        with self._open() as connection:
            return connection.execute("SELECT count(*) FROM entries").fetchone()[0]

    def close(self) -> None:
        """Close the file; a later call opens it again."""
        with self._lock:
            if self._connection is not None and self._pid == os.getpid():
                self._connection.close()
            self._connection = None

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Give this process's connection; one thread uses it at a time."""
        with self._lock:
            try:
                # SQLite forbids carrying a connection across a fork.
                if self._connection is None or self._pid != os.getpid():
                    self._connection = _connect(self.path)
                    self._pid = os.getpid()
                    weakref.finalize(self, self._connection.close)
                yield self._connection
            # UnicodeError: half a surrogate pair, which JSON may hold and UTF-8 may not.
            except (sqlite3.Error, OSError, UnicodeError) as error:
                raise CacheError(self._explain(error)) from error

    def _explain(self, error: Exception) -> str:
        if isinstance(error, UnicodeError):
            return f"the cache {self.path} cannot keep a text that is not Unicode ({error})"
        if isinstance(error, sqlite3.OperationalError | OSError):
            return (
                f"the cache {self.path} cannot be used ({error}); check the folder and disk"
            )
        return f"the cache {self.path} is damaged ({error}); delete that file and run again"


def _connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    # isolation_level None: every statement is a transaction of its own.
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        _use_write_ahead_log(connection)
        connection.execute("PRAGMA synchronous = NORMAL")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > CACHE_VERSION:
            msg = (
                f"the cache {path} has version {version}, newer than this program's "
                f"{CACHE_VERSION}; upgrade langgraph-deepsearch or use another folder"
            )
            raise CacheError(msg)
        connection.execute(_SCHEMA)
        connection.execute(f"PRAGMA user_version = {CACHE_VERSION}")
    except BaseException:
        connection.close()
        raise
    return connection


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Let readers and a writer go on side by side.

    Processes that make a new file at the same moment refuse one another here at once:
    SQLite does not wait its timeout for this change, so the wait is ours.
    """
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def _canonical(settings: Mapping[str, Any]) -> str:
    return json.dumps(settings, sort_keys=True, ensure_ascii=False)


def _key(kind: str, provider: str, subject: str, settings: Mapping[str, Any]) -> str:
    parts = json.dumps([kind, provider, subject, _canonical(settings)])
    return sha256(parts.encode()).hexdigest()
