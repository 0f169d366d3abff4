"""The outbox against a list that does the same, and against files and disks that fail."""

from __future__ import annotations

import logging
import sqlite3
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from edge_agent.devices.outbox import Limits, Outbox
from edge_agent.domain.message import Delivery, Message

PLENTY = Limits(max_events=1000, max_bytes=1_000_000)


def event(sequence: int, payload: bytes = b"{}") -> Message:
    return Message("t/event", payload, 1, False, Delivery.KEPT, sequence)


def waiting(outbox: Outbox) -> list[int]:
    return [message.sequence or 0 for message in outbox.after(0, -1)]


class OutboxAndList(RuleBasedStateMachine):
    """Whatever is done to both, the outbox holds what the list holds."""

    @initialize(most=st.integers(1, 6), size=st.integers(1, 60))
    def open_both(self, most: int, size: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.limits = Limits(most, size)
        self.file = Path(self.folder.name) / "deep" / "events.outbox"
        self.outbox = Outbox(self.file, self.limits)
        self.next = self.outbox.last_sequence + 1
        self.model: list[Message] = []
        self.dropped = 0

    @rule(payload=st.binary(max_size=30))
    def put(self, payload: bytes) -> None:
        message = event(self.next, payload)
        self.next += 1
        self.outbox.put(message)
        self.model.append(message)
        while len(self.model) > self.limits.max_events or (
            len(self.model) > 1 and sum(len(m.payload) for m in self.model) > self.limits.max_bytes
        ):
            del self.model[0]
            self.dropped += 1

    @rule(index=st.integers(0, 8))
    def acknowledge(self, index: int) -> None:
        if index < len(self.model):
            self.outbox.sent(self.model.pop(index).sequence or 0)
        else:
            self.outbox.sent(1)  # one that is long gone

    @rule(cleanly=st.booleans())
    def start_again(self, cleanly: bool) -> None:
        if cleanly:
            self.outbox.close()
        self.outbox = Outbox(self.file, self.limits)
        self.dropped = 0

    @rule(index=st.integers(0, 8), limit=st.integers(0, 5))
    def look(self, index: int, limit: int) -> None:
        behind = (self.model[index].sequence or 0) if index < len(self.model) else 0
        expected = [m for m in self.model if (m.sequence or 0) > behind][:limit]
        assert self.outbox.after(behind, limit) == expected

    @invariant()
    def hold_the_same(self) -> None:
        assert self.outbox.after(0, 100) == self.model
        assert len(self.outbox) == len(self.model)
        assert self.outbox.last_sequence == self.next - 1
        assert self.outbox.dropped == self.dropped

    def teardown(self) -> None:
        self.outbox.close()
        self.folder.cleanup()


OutboxAndList.TestCase.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
TestOutboxAndList = OutboxAndList.TestCase


def test_sequences_go_on_above_the_old_ones_when_the_file_was_deleted(tmp_path: Path) -> None:
    file = tmp_path / "events.outbox"
    first = Outbox(file, PLENTY)
    for sequence in range(first.last_sequence + 1, first.last_sequence + 50):
        first.put(event(sequence))
    seen = first.last_sequence
    first.close()
    file.unlink()
    time.sleep(1.0 - time.time() % 1.0)  # the counter begins with the seconds of the clock
    assert Outbox(file, PLENTY).last_sequence > seen


@pytest.mark.parametrize(
    "content", [b"no database at all, but long enough to look at" * 20, b"SQLite format 3\0" * 300]
)
def test_damaged_file_is_set_aside_and_a_new_one_keeps_events(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "events.outbox"
    file.write_bytes(content)
    outbox = Outbox(file, PLENTY)
    outbox.put(event(outbox.last_sequence + 1))
    outbox.close()
    assert len(Outbox(file, PLENTY)) == 1
    assert (tmp_path / "events.outbox.damaged").read_bytes() == content
    assert str(file) in caplog.text


def test_folder_that_cannot_be_made_is_an_error_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OSError, match="taken"):
        Outbox(tmp_path / "taken" / "events.outbox", PLENTY)


def test_events_wait_in_memory_when_the_disk_fails_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "events.outbox"
    outbox = Outbox(file, PLENTY)
    begin = outbox.last_sequence
    outbox.put(event(begin + 1, b"before"))
    other = sqlite3.connect(file, isolation_level=None)
    # A full disk, as SQLite meets it: no write of this kind succeeds any more.
    other.execute("CREATE TRIGGER full BEFORE UPDATE ON counter BEGIN SELECT json('not json'); END")
    other.close()
    outbox.put(event(begin + 2, b"after"))
    assert waiting(outbox) == [begin + 1, begin + 2]
    assert len(outbox) == 2
    outbox.sent(begin + 1)
    outbox.put(event(begin + 3))
    assert waiting(outbox) == [begin + 2, begin + 3]
    assert outbox.last_sequence == begin + 3
    assert caplog.text.count("in memory from now on") == 1


def test_what_is_dropped_is_said_once_and_counted_when_it_is_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    outbox = Outbox(None, Limits(max_events=2, max_bytes=1000))
    begin = outbox.last_sequence
    for number in range(1, 6):
        outbox.put(event(begin + number))
    assert outbox.dropped == 3
    assert caplog.text.count("oldest events that wait are dropped") == 1
    outbox.sent(begin + 4)
    outbox.sent(begin + 5)
    assert "3 events were dropped" in caplog.text


def test_closed_outbox_is_left_alone_by_a_thread_that_still_runs(tmp_path: Path) -> None:
    file = tmp_path / "events.outbox"
    outbox = Outbox(file, PLENTY)
    sequence = outbox.last_sequence + 1
    outbox.put(event(sequence))
    outbox.close()
    assert outbox.after(0, 10) == []
    outbox.sent(sequence)
    assert waiting(Outbox(file, PLENTY)) == [sequence]
