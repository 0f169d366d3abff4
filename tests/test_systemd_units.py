"""The units in systemd/: known to systemd, and as closed as a camera allows."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).resolve().parents[1] / "systemd"
NAMES = ("edge-agent.service", "edge-agent@.service")
PROGRAM = "/opt/edge-agent/venv/bin/edge-agent"
LEAST_EXPOSED = 18
"""Of `systemd-analyze security`, in tenths."""

analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None,
    reason="systemd-analyze is missing; on Debian: apt install systemd",
)


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def installed(name: str, folder: Path) -> Path:
    """The unit as it stands on a board, but for the program, which is not on this machine."""
    text = (UNITS / name).read_text()
    assert PROGRAM in text
    unit = folder / name
    unit.write_text(text.replace(PROGRAM, "/bin/true"))
    return unit


def verify(unit: Path) -> subprocess.CompletedProcess[str]:
    return run("systemd-analyze", "verify", "--man=no", "--recursive-errors=yes", unit)


@analyze
@pytest.mark.parametrize("name", NAMES)
def test_systemd_knows_every_key(name: str, tmp_path: Path) -> None:
    verified = verify(installed(name, tmp_path))
    assert verified.returncode == 0, verified.stdout
    assert verified.stdout.strip() == ""


@analyze
def test_a_key_that_systemd_does_not_know_would_be_noticed(tmp_path: Path) -> None:
    unit = installed(NAMES[0], tmp_path)
    unit.write_text(unit.read_text().replace("WatchdogSec=", "WatchDogSec="))
    verified = verify(unit)
    assert "WatchDogSec" in verified.stdout


@analyze
@pytest.mark.parametrize("name", NAMES)
def test_exposure_is_low(name: str) -> None:
    judged = run(
        "systemd-analyze",
        "security",
        "--offline=true",
        f"--threshold={LEAST_EXPOSED}",
        "--no-pager",
        UNITS / name,
    )
    assert judged.returncode == 0, judged.stdout
    assert "Overall exposure level" in judged.stdout


def settings_of(name: str) -> set[str]:
    lines = (UNITS / name).read_text().splitlines()
    return {line for line in lines if re.match(r"\w+=", line)}


def test_the_two_units_differ_only_in_what_belongs_to_one_camera() -> None:
    single, template = map(settings_of, NAMES)
    keys = {line.split("=")[0] for line in single ^ template}
    assert keys == {"Description", "ExecStart", "StateDirectory"}


def test_nothing_is_a_setting_twice_by_mistake() -> None:
    repeatable = {"After", "DeviceAllow", "SystemCallFilter", "Wants"}
    lines = (UNITS / NAMES[0]).read_text().splitlines()
    keys = [line.split("=")[0] for line in lines if re.match(r"\w+=", line)]
    assert {key for key in keys if keys.count(key) > 1} <= repeatable
