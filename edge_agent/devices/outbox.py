"""Events that wait on disk until the broker has taken them."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge_agent.devices.recurring import Trouble
from edge_agent.domain.message import Delivery, Message

log = logging.getLogger(__name__)

TABLES = """
CREATE TABLE IF NOT EXISTS waiting (
    sequence INTEGER PRIMARY KEY,
    topic TEXT NOT NULL,
    payload BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS counter (last INTEGER NOT NULL);
"""
IN_MEMORY = ":memory:"


@dataclass(frozen=True, slots=True)
class Limits:
    max_events: int
    max_bytes: int


class Outbox:
    """A queue in SQLite, ordered by sequence, which survives a kill and a power cut.

    Used by the loop, which puts events in, and by the MQTT client's thread, which takes them out.
    The oldest go when a limit is reached; `dropped` counts them. When the disk fails or is full,
    the events that wait go on waiting in memory, which is said.
    """

    def __init__(self, file: Path | None, limits: Limits) -> None:
        """Open or make the outbox at `file`, or one in memory. Raises OSError, sqlite3.Error.

        A damaged file is set aside and a new one made in its place.
        """
        self._file = file
        self._limits = limits
        self._lock = threading.Lock()
        self._is_closed = False
        self._dropping = Trouble(log)
        self._database = _opened(file)
        self._count, self._bytes = self._measured()
        self.dropped = 0

    @property
    def last_sequence(self) -> int:
        """That of the newest event that was ever put in."""
        with self._lock:
            return int(self._database.execute("SELECT last FROM counter").fetchone()[0])

    def __len__(self) -> int:
        """How many events wait."""
        return int(self._count)

    def put(self, message: Message) -> None:
        """Keep a message until `sent` is told of it."""
        self._do(lambda: self._put(message))

    def after(self, sequence: int, limit: int) -> list[Message]:
        """At most `limit` waiting messages behind `sequence`, the oldest first."""
        rows: list[tuple[int, str, bytes]] = []
        self._do(lambda: rows.extend(self._rows(sequence, limit)))
        return [
            Message(topic, payload, qos=1, retain=False, delivery=Delivery.KEPT, sequence=number)
            for number, topic, payload in rows
        ]

    def sent(self, sequence: int) -> None:
        """The broker has the message: it needs to wait no longer."""
        self._do(lambda: self._delete(sequence))

    def close(self) -> None:
        """What waits stays in the file; a thread that was left behind finds nothing more."""
        with self._lock:
            self._is_closed = True
            self._database.close()

    def _do(self, action: Callable[[], None]) -> None:
        with self._lock:
            if self._is_closed:
                return
            try:
                self._in_transaction(action)
            except sqlite3.IntegrityError:
                raise
            except sqlite3.Error as error:
                self._move_to_memory(error)
                self._in_transaction(action)

    def _in_transaction(self, action: Callable[[], None]) -> None:
        measured = self._count, self._bytes, self.dropped
        try:
            with self._database:
                self._database.execute("BEGIN IMMEDIATE")
                action()
        except sqlite3.Error:
            self._count, self._bytes, self.dropped = measured
            raise

    def _put(self, message: Message) -> None:
        assert message.sequence is not None
        self._database.execute(
            "INSERT INTO waiting VALUES (?, ?, ?)",
            (message.sequence, message.topic, message.payload),
        )
        self._database.execute("UPDATE counter SET last = ?", (message.sequence,))
        self._count += 1
        self._bytes += len(message.payload)
        while self._count > self._limits.max_events or (
            self._bytes > self._limits.max_bytes and self._count > 1
        ):
            self._drop_oldest()

    def _rows(self, sequence: int, limit: int) -> list[tuple[int, str, bytes]]:
        return self._database.execute(
            "SELECT sequence, topic, payload FROM waiting WHERE sequence > ? "
            "ORDER BY sequence LIMIT ?",
            (sequence, limit),
        ).fetchall()

    def _drop_oldest(self) -> None:
        (oldest,) = self._database.execute("SELECT min(sequence) FROM waiting").fetchone()
        self._delete(oldest)
        self.dropped += 1
        self._dropping.happened("the outbox is full: the oldest events that wait are dropped")

    def _delete(self, sequence: int) -> None:
        row = self._database.execute(
            "DELETE FROM waiting WHERE sequence = ? RETURNING length(payload)", (sequence,)
        ).fetchone()
        if row is None:
            return
        self._count -= 1
        self._bytes -= row[0]
        if self._count == 0:
            self._dropping.is_over(f"the outbox is empty again; {self.dropped} events were dropped")

    def _measured(self) -> tuple[int, int]:
        count, size = self._database.execute(
            "SELECT count(*), coalesce(sum(length(payload)), 0) FROM waiting"
        ).fetchone()
        return int(count), int(size)

    def _move_to_memory(self, error: sqlite3.Error) -> None:
        """Save of a disk that fails what it still gives."""
        log.warning(
            "events wait in memory from now on and are lost when the agent stops: %s fails (%s)",
            self._file,
            error,
        )
        rows: list[tuple[int, str, bytes]] = []
        last = None
        with contextlib.suppress(sqlite3.Error):
            rows = self._rows(-1, -1)
            (last,) = self._database.execute("SELECT last FROM counter").fetchone()
        with contextlib.suppress(sqlite3.Error):
            self._database.close()
        self._database = _opened(None)
        self._database.executemany("INSERT INTO waiting VALUES (?, ?, ?)", rows)
        if last is not None:
            self._database.execute("UPDATE counter SET last = ?", (last,))
        self._count, self._bytes = self._measured()


def _opened(file: Path | None) -> sqlite3.Connection:
    if file is None:
        return _connected(IN_MEMORY)
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        return _connected(str(file))
    except sqlite3.OperationalError:
        raise  # locked, read-only, no space: the file itself may be sound
    except sqlite3.DatabaseError as error:
        aside = file.with_name(f"{file.name}.damaged")
        log.warning("the outbox %s is damaged (%s): set aside as %s", file, error, aside.name)
        file.replace(aside)
        for leftover in (f"{file.name}-wal", f"{file.name}-shm"):
            file.with_name(leftover).unlink(missing_ok=True)
        return _connected(str(file))


def _connected(name: str) -> sqlite3.Connection:
    database = sqlite3.connect(name, check_same_thread=False, isolation_level=None)
    try:
        # Write-ahead with full syncs: what was put in is on the disk when `put` returns.
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        database.executescript(TABLES)
        if database.execute("SELECT count(*) FROM counter").fetchone()[0] == 0:
            # A lost file must not bring back sequences that consumers have seen.
            database.execute("INSERT INTO counter VALUES (?)", (int(time.time()) * 1000,))
    except sqlite3.Error:
        database.close()
        raise
    return database
