"""The daemon as a service manager sees it: what it notifies, and how it obeys signals."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

PATIENCE_S = 30.0
STOP_LIMIT_S = 2.0
NOBODY = "127.0.0.1"


@dataclass
class Service:
    """A started daemon, and the service manager that listens to it."""

    process: subprocess.Popen[str]
    channel: socket.socket
    configuration: Path
    log: Path
    heard: list[str] = field(default_factory=list)
    """Every field of every notification so far, in order."""

    def expect(self, is_so: Callable[[list[str]], bool]) -> list[str]:
        """Listen until that is so of all that was heard since the last call; all of it."""
        since: list[str] = []
        deadline_s = time.monotonic() + PATIENCE_S
        while not is_so(since):
            left_s = deadline_s - time.monotonic()
            assert left_s > 0, f"waited in vain; heard {since}, log:\n{self.log.read_text()}"
            assert self.process.poll() is None, f"it ended; log:\n{self.log.read_text()}"
            self.channel.settimeout(min(left_s, 0.2))
            try:
                since += self.channel.recv(65536).decode().splitlines()
            except TimeoutError:
                continue
        self.heard += since
        return since

    def configure(self, document: dict[str, Any]) -> None:
        self.configuration.write_text(yaml.safe_dump(document))

    def reload(self) -> list[str]:
        """Everything that was notified from the signal to being ready again."""
        self.process.send_signal(signal.SIGHUP)
        return self.expect(lambda said: "READY=1" in said)

    def stop(self, number: int = signal.SIGTERM) -> float:
        """The seconds it took."""
        started_s = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(PATIENCE_S)
        return time.monotonic() - started_s


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((96, 128, 3), 80 * number, np.uint8))
    return folder


@pytest.fixture
def document(pictures: Path, tmp_path: Path) -> dict[str, Any]:
    """A camera that never ends, and no broker."""
    return {
        "device_id": "board",
        "camera": {"name": "door", "source": str(pictures), "loop": True, "frame_rate": 20},
        "mqtt": {"host": NOBODY, "port": 1, "outbox": {"directory": str(tmp_path / "state")}},
    }


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    services: list[Service] = []

    def start(document: dict[str, Any], **variables: str) -> Service:
        number = len(services)
        address = tmp_path / f"notify{number}"
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        channel.bind(str(address))
        configuration, log = tmp_path / f"{number}.yaml", tmp_path / f"{number}.log"
        configuration.write_text(yaml.safe_dump(document))
        with log.open("w") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "edge_agent", "run", "--config", str(configuration)],
                stderr=said,
                text=True,
                env={**os.environ, "NOTIFY_SOCKET": str(address), **variables},
            )
        services.append(Service(process, channel, configuration, log))
        return services[-1]

    yield start
    for service in services:
        if service.process.poll() is None:
            service.process.kill()
        service.process.wait()
        service.channel.close()


Start = Callable[..., Service]


def status_of(said: list[str]) -> str:
    return next(line for line in reversed(said) if line.startswith("STATUS="))


def test_ready_when_the_camera_delivers_though_no_broker_is_there(
    start: Start, document: dict[str, Any]
) -> None:
    service = start(document)
    said = service.expect(lambda said: "READY=1" in said)
    service.expect(lambda said: any("waiting for the broker: no broker at" in s for s in said))
    assert said.index("READY=1") > 0, "a status comes first"
    assert service.stop() < STOP_LIMIT_S
    assert service.process.returncode == 0
    assert "STOPPING=1" in service.channel.recv(65536).decode()


def test_ready_without_a_camera_and_says_what_it_waits_for(
    start: Start, document: dict[str, Any]
) -> None:
    document["camera"]["source"] = "/dev/video-that-is-not-there"
    service = start(document)
    said = service.expect(lambda said: "READY=1" in said)
    status = status_of(said)
    assert "waiting for the camera: no camera at /dev/video-that-is-not-there" in status
    assert service.stop() < STOP_LIMIT_S


def test_watchdog_is_fed_while_frames_are_worked_through(
    start: Start, document: dict[str, Any]
) -> None:
    service = start(document, WATCHDOG_USEC="300000")
    service.expect(lambda said: said.count("WATCHDOG=1") >= 5)
    os.kill(service.process.pid, signal.SIGSTOP)
    time.sleep(0.2)
    with closing(service.channel.dup()) as channel:
        channel.setblocking(False)
        while True:  # what was said before it was stopped
            try:
                channel.recv(65536)
            except BlockingIOError:
                break
        time.sleep(0.6)
        with pytest.raises(BlockingIOError):
            channel.recv(65536)
    os.kill(service.process.pid, signal.SIGCONT)


def test_reload_of_a_wrong_file_changes_nothing_and_says_why(
    start: Start, document: dict[str, Any]
) -> None:
    service = start(document)
    service.expect(lambda said: "READY=1" in said)
    service.configure({**document, "kamera": {}, "mqtt": {"port": 0}})
    said = service.reload()
    assert said.index("RELOADING=1") < said.index("READY=1")
    assert any(line.startswith("MONOTONIC_USEC=") for line in said)
    assert "reload refused, going on as before" in status_of(said)
    assert "(and 1 more)" in status_of(said)
    log = service.log.read_text()
    assert re.search(r"0\.yaml:\d+: kamera: unknown setting; did you mean 'camera'\?", log)
    assert "mqtt.port: 0 is not allowed: should be 1 to 65535" in log
    service.expect(lambda said: any("watching: " in line for line in said))
    assert service.log.read_text().count("edge_agent/board/door/event") == 1, "one agent only"


@pytest.mark.parametrize(
    "change",
    [
        {"models": {"people": "no-such-model"}},
        {"camera": {"source": "/no/such/video.mp4"}},
        {"mqtt": {"tls": {"enabled": True, "ca_file": "/no/such/file"}}},
        {"mqtt": {"password_file": "/no/such/file"}},
    ],
    ids=["model", "recording", "certificate", "password"],
)
def test_reload_of_what_cannot_be_had_changes_nothing(
    start: Start, document: dict[str, Any], change: dict[str, Any]
) -> None:
    service = start(document)
    service.expect(lambda said: "READY=1" in said)
    service.configure({**document, **change})
    assert "reload refused" in status_of(service.reload())
    assert service.process.poll() is None


def test_reload_of_a_right_file_takes_effect(start: Start, document: dict[str, Any]) -> None:
    service = start(document)
    service.expect(lambda said: "READY=1" in said)
    document["camera"]["name"] = "window"
    service.configure(document)
    said = service.reload()
    assert said.index("RELOADING=1") < said.index("READY=1")
    assert "STOPPING=1" not in said
    assert not any("reload refused" in line for line in said)
    assert "edge_agent/board/window/event" in service.log.read_text()
    assert service.stop() < STOP_LIMIT_S
    assert service.process.returncode == 0


def test_a_good_reload_after_a_refused_one_clears_the_remark(
    start: Start, document: dict[str, Any]
) -> None:
    service = start(document)
    service.expect(lambda said: "READY=1" in said)
    service.configure({"kamera": {}})
    assert "reload refused" in status_of(service.reload())
    service.configure(document)
    assert "reload refused" not in status_of(service.reload())


def test_stops_in_time_though_the_broker_never_answers(
    start: Start, document: dict[str, Any]
) -> None:
    with closing(socket.create_server((NOBODY, 0))) as silent:
        document["mqtt"]["port"] = silent.getsockname()[1]
        service = start(document)
        service.expect(lambda said: "READY=1" in said)
        assert service.stop() < STOP_LIMIT_S
    assert service.process.returncode == 0


def test_a_hangup_before_it_is_ready_does_no_harm(start: Start, document: dict[str, Any]) -> None:
    service = start(document)
    service.expect(bool)
    service.process.send_signal(signal.SIGHUP)
    service.expect(lambda said: "READY=1" in said)
    assert service.process.poll() is None
