"""deploy/cloud-init: the files for a flashed card, as cloud-init and the agent will read them."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge_agent.devices.config_file import password_of, read_settings

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "deploy" / "cloud-init"
EXAMPLE = (
    *("--name", "edge-agent", "--camera", "picamera", "--position", "facing"),
    *("--broker", "broker.local", "--wifi", "NAME OF THE NETWORK"),
    *("--wifi-password", "PASSWORD OF THE NETWORK"),
    *("--repository", "https://example.org/edge-agent.git"),
)


def make(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(FOLDER / "make-card-files"), "--output", str(folder), *options],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def read(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    said = (folder / "user-data").read_text()
    assert said.startswith("#cloud-config\n"), "cloud-init takes no notice of it otherwise"
    return yaml.safe_load(said), yaml.safe_load((folder / "network-config").read_text())


def files_of(user_data: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {entry["path"]: entry for entry in user_data["write_files"]}


def test_examples_are_what_the_script_writes(tmp_path: Path) -> None:
    made = make(tmp_path, *EXAMPLE)
    assert made.returncode == 0, made.stderr
    for name in ("user-data", "network-config"):
        assert (FOLDER / name).read_text() == (tmp_path / name).read_text()


def test_agent_is_configured_and_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = tmp_path / "key.pub"
    key.write_text("ssh-ed25519 AAAA me@home\n")
    secret = "it's: \"#{%} ü\\n"
    made = make(
        tmp_path,
        *("--name", "door", "--camera", "/dev/video2", "--position", "ceiling"),
        *("--broker", "10.0.0.7:8883", "--broker-user", "cam", "--broker-password", secret),
        *("--wifi", "", "--ssh-key", str(key), "--repository", "https://example.org/x.git"),
    )
    assert made.returncode == 0, made.stderr
    user_data, network = read(tmp_path)
    written = files_of(user_data)

    credentials = tmp_path / "credentials"
    credentials.mkdir()
    stored = written["/etc/credstore/edge-agent.mqtt-password"]
    assert stored["permissions"] == "0600"
    (credentials / "edge-agent.mqtt-password").write_text(stored["content"])
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    file = tmp_path / "edge-agent.yaml"
    file.write_text(written["/etc/edge-agent/edge-agent.yaml"]["content"])
    settings = read_settings(file)
    assert settings.device_id == user_data["hostname"] == "door"
    assert settings.camera.source == "/dev/video2"
    assert settings.detection.leading_part == "body", "the preset of the ceiling"
    assert (settings.mqtt.host, settings.mqtt.port) == ("10.0.0.7", 8883)
    assert (settings.mqtt.username, password_of(settings.mqtt)) == ("cam", secret)
    assert secret not in file.read_text()

    assert user_data["users"][0]["ssh_authorized_keys"] == ["ssh-ed25519 AAAA me@home"]
    *_, clone, install = user_data["runcmd"]
    assert clone[-2] == "https://example.org/x.git"
    assert install == [f"{clone[-1]}/deploy/install.sh"]
    assert "wifis" not in network["network"]


def test_network_is_reached_with_any_name_and_password(tmp_path: Path) -> None:
    name, password = 'Café #1: "yes"', "pass'word: \\ 100%"
    made = make(tmp_path, *EXAMPLE, "--wifi", name, "--wifi-password", password)
    assert made.returncode == 0, made.stderr
    _, network = read(tmp_path)
    points = network["network"]["wifis"]["wlan0"]["access-points"]
    assert points == {name: {"password": password}}


def test_files_with_passwords_are_for_their_owner_only(tmp_path: Path) -> None:
    make(tmp_path, *EXAMPLE)
    for name in ("user-data", "network-config"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--name", "My Board"), "--name My Board"),
        (("--broker", "a b"), "--broker 'a b'"),
        (("--wifi-password", "short"), "8 to 63 characters"),
        (("--ssh-key", "/no/such/key"), "/no/such/key: no such file"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    made = make(tmp_path, *EXAMPLE, *options)
    assert made.returncode == 2
    assert said in made.stderr
    assert not (tmp_path / "user-data").exists()
