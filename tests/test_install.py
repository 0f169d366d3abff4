"""deploy/install.sh, as far as it can be tried without installing; the rest is in tests/system."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
INSTALL = ROOT / "deploy" / "install.sh"
SCRIPTS = (INSTALL, ROOT / "scripts" / "test-system")
PLACES = ("/opt/edge-agent", "/etc/edge-agent", "/etc/systemd/system/edge-agent.service")
CHANGING = ("useradd", "userdel", "apt-get", "chown", "chmod", "ln", "mv", "rm", "install", "mkdir")


def install(*options: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(INSTALL), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env={**os.environ, "PATH": path or os.environ["PATH"]},
    )


@pytest.fixture
def watched(tmp_path: Path) -> tuple[str, Path]:
    """A PATH on which commands that change the system only put down that they were called."""
    calls = tmp_path / "calls"
    calls.touch()
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in CHANGING:
        command = folder / name
        command.write_text(f'#!/bin/sh\necho "{name} $*" >>"{calls}"\n')
        command.chmod(0o755)
    systemctl = folder / "systemctl"
    systemctl.write_text(
        f'#!/bin/sh\n[ "$*" = --version ] && echo "systemd 257 (257)" && exit\n'
        f'echo "systemctl $*" >>"{calls}"\n'
    )
    systemctl.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}", calls


@pytest.mark.skipif(
    shutil.which("shellcheck") is None, reason="shellcheck is missing; apt install shellcheck"
)
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_pass_shellcheck(script: Path) -> None:
    checked = subprocess.run(
        ["shellcheck", "-x", str(script)], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("task", [(), ("--upgrade",), ("--uninstall",)], ids=str)
def test_dry_run_changes_nothing(task: tuple[str, ...], watched: tuple[str, Path]) -> None:
    path, calls = watched
    before = [Path(place).exists() for place in PLACES]
    ran = install("--dry-run", *task, path=path)
    assert ran.returncode == 0, ran.stdout
    assert calls.read_text() == ""
    assert [Path(place).exists() for place in PLACES] == before


def test_dry_run_says_every_step(watched: tuple[str, Path], tmp_path: Path) -> None:
    path, _ = watched
    ran = install("--dry-run", "--wheels", str(tmp_path), path=path)
    for step in (
        "making the user edge-agent",
        f"installing the agent and what it needs into /opt/edge-agent/releases/.* from {tmp_path}",
        "writing /etc/edge-agent/edge-agent.yaml",
        "writing /etc/systemd/system/edge-agent.service",
        "writing /etc/systemd/system/edge-agent@.service",
        r"letting the delay between restarts grow \(edge-agent.service\)",
        "enabling edge-agent.service",
    ):
        assert re.search(f"^would: {step}", ran.stdout, re.MULTILINE), f"{step}\n{ran.stdout}"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--upgarde",), "unknown option --upgarde"),
        (("--wheels",), "--wheels needs a folder"),
        (("--wheels", "/no/such/folder"), "/no/such/folder: no such folder"),
    ],
)
def test_wrong_options_are_refused(options: tuple[str, ...], said: str) -> None:
    ran = install(*options)
    assert ran.returncode != 0
    assert said in ran.stdout


def test_help_names_every_option() -> None:
    said = install("--help").stdout
    text = INSTALL.read_text()
    options = set(re.findall(r"^ +(--[a-z-]+)\)", text, re.MULTILINE))
    assert options >= {"--upgrade", "--uninstall", "--dry-run", "--wheels"}
    assert [option for option in options if option not in said] == []
    assert "set -euo" not in said


def test_units_start_what_is_installed() -> None:
    for unit in (ROOT / "systemd").glob("*.service"):
        program = re.search(r"^ExecStart=(\S+)", unit.read_text(), re.MULTILINE)
        assert program is not None
        folder = re.search(r"HOME_DIR=(\S+)", INSTALL.read_text())
        assert folder is not None
        assert program[1] == f"{folder[1]}/venv/bin/edge-agent"
