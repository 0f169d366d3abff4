"""Events that wait on disk until the broker has taken them."""

from __future__ import annotations

import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from edge_agent.domain.message import Delivery, Message

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
    The oldest go when a limit is reached; `dropped` counts them.
    """

    def __init__(self, file: Path | None, limits: Limits) -> None:
        """Open or make the outbox at `file`, or one in memory. Raises OSError, sqlite3.Error."""
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        self._limits = limits
        self._lock = threading.Lock()
        self._database = sqlite3.connect(
            file or IN_MEMORY, check_same_thread=False, isolation_level=None
        )
        # Write-ahead with full syncs: what was put in is on the disk when `put` returns.
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.executescript(TABLES)
        if self._database.execute("SELECT count(*) FROM counter").fetchone()[0] == 0:
            # A lost file must not bring back sequences that consumers have seen.
            self._database.execute("INSERT INTO counter VALUES (?)", (int(time.time()) * 1000,))
        self._count, self._bytes = self._database.execute(
            "SELECT count(*), coalesce(sum(length(payload)), 0) FROM waiting"
        ).fetchone()
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
        assert message.sequence is not None
        with self._lock, self._database:
            self._database.execute("BEGIN IMMEDIATE")
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

    def after(self, sequence: int, limit: int) -> list[Message]:
        """At most `limit` waiting messages behind `sequence`, the oldest first."""
        with self._lock:
            rows = self._database.execute(
                "SELECT sequence, topic, payload FROM waiting WHERE sequence > ? "
                "ORDER BY sequence LIMIT ?",
                (sequence, limit),
            ).fetchall()
        return [
            Message(topic, payload, qos=1, retain=False, delivery=Delivery.KEPT, sequence=number)
            for number, topic, payload in rows
        ]

    def sent(self, sequence: int) -> None:
        """The broker has the message: it needs to wait no longer."""
        with self._lock, self._database:
            self._delete(sequence)

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def _drop_oldest(self) -> None:
        (oldest,) = self._database.execute("SELECT min(sequence) FROM waiting").fetchone()
        self._delete(oldest)
        self.dropped += 1

    def _delete(self, sequence: int) -> None:
        row = self._database.execute(
            "DELETE FROM waiting WHERE sequence = ? RETURNING length(payload)", (sequence,)
        ).fetchone()
        if row is not None:
            self._count -= 1
            self._bytes -= row[0]
