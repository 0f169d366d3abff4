"""Saying once what happens over and over, and waiting longer each time."""

from __future__ import annotations

import logging
import socket
from pathlib import Path

import pytest

from edge_agent.devices.backoff import Backoff
from edge_agent.devices.recurring import Trouble
from edge_agent.devices.systemd import Notifier


def test_failures_that_take_turns_are_each_warned_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    trouble = Trouble(logging.getLogger("test"))
    for _ in range(3):
        trouble.happened("refused")
        trouble.happened("silent")
    assert (trouble.is_on, trouble.what) == (True, "silent")
    trouble.is_over("back")
    trouble.is_over("back")
    assert (trouble.is_on, trouble.what) == (False, "")
    trouble.happened("refused")
    assert [record.getMessage() for record in caplog.records] == [
        "refused", "silent", "back", "refused",
    ]  # fmt: skip


def test_waits_double_up_to_the_cap_and_begin_anew_after_a_success() -> None:
    longest = Backoff(0.5, 30.0, uniform=lambda _, high: high)
    assert [longest.next_s() for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    longest.succeeded()
    assert longest.next_s() == 0.5
    shortest = Backoff(0.5, 30.0, uniform=lambda low, _: low)
    assert [shortest.next_s() for _ in range(3)] == [0.25, 0.5, 1]


def test_a_camera_away_for_weeks_overflows_nothing() -> None:
    backoff = Backoff(0.5, 30.0)
    assert all(backoff.next_s() <= 30.0 for _ in range(5000))


def test_service_manager_is_told_and_silence_is_kept_without_one(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(5.0)
        notifier = Notifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "60000000"})
        notifier.ready()
        notifier.status("watching")
        notifier.status("watching")
        notifier.pat()
        notifier.pat()
        notifier.stopping()
        told = [manager.recv(200) for _ in range(4)]
    assert told == [b"READY=1", b"STATUS=watching", b"WATCHDOG=1", b"STOPPING=1"]
    notifier.ready()  # the manager has gone
    Notifier({}).ready()
