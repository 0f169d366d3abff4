"""Fixtures that all tests share."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

HAS_TORCH = importlib.util.find_spec("torch") is not None
REPOSITORY = Path(__file__).resolve().parents[1]
START_TIMEOUT_S = 10.0


def pytest_report_header() -> list[str]:
    """Says what will not be tested here."""
    return [] if HAS_TORCH else ["training code: NOT tested, for want of the extra `train`"]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data: $EDGE_AGENT_DATA, else ../shared/data beside the project."""
    named = os.environ.get("EDGE_AGENT_DATA")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the shared data, which is not at {folder} (EDGE_AGENT_DATA names it)")
    return folder


@dataclass
class Mosquitto:
    """A real broker on a port of its own that a test can stop and start again."""

    folder: Path
    port: int
    options: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
        assert program, "these tests need Mosquitto; scripts/test installs it"
        configuration = self.folder / "mosquitto.conf"
        lines = [
            f"listener {self.port} 127.0.0.1",
            "allow_anonymous true",
            "persistence false",
            *self.options,
        ]
        configuration.write_text("\n".join(lines) + "\n")
        self.process = subprocess.Popen(
            [program, "-c", str(configuration)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline_s:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
                return
            except OSError:
                time.sleep(0.02)
        raise AssertionError("Mosquitto did not start")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(START_TIMEOUT_S)
            self.process = None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path, free_port())
    broker.start()
    yield broker
    broker.stop()
