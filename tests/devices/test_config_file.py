"""Configuration files that are damaged, and files that only look like one."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.devices.config_file import read_settings
from edge_agent.domain.errors import ConfigurationError
from edge_agent.presets import PRESETS, CameraPosition
from edge_agent.settings import Settings


def read(text: str | bytes, folder: Path) -> Settings:
    path = folder / "agent.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_settings(path)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("camera:\n\tname: x\n", 2, "\\t"),
        ("camera:\n  name: 'open\n", 3, "end of stream"),
        ("camera:\n  name: a\x01b\n", 2, "'\\x01' has no place"),
        ("device_id: x\nlogging:\n  level: 2024-99-99\n", 3, "month"),
        ("mqtt:\n  port: " + "9" * 5000 + "\n", 2, "digits"),
        ("device_id: a\n---\ndevice_id: b\n", 2, "another document"),
        ("? [a]\n: b\n", 1, "unhashable"),
        ("1: x\n", None, "keys should be strings"),
        ("- camera\n- mqtt\n", 1, "the file should hold settings"),
        ("just words\n", 1, "the file should hold settings"),
        ("camera: 5\n", 1, "camera"),
        ("camera:\n  frame_rate: .nan\n", 2, "nan is not allowed"),
        ("device_id: a\ndevice_id: b\n", 2, "set twice, first in line 1"),
    ],
)
def test_fault_is_told_with_its_line(
    text: str, line: int | None, words: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(text, tmp_path)
    (fault,) = str(caught.value).splitlines()
    place = f"{tmp_path / 'agent.yaml'}:" + ("" if line is None else f"{line}:")
    assert fault.startswith(place)
    assert words in fault


@pytest.mark.parametrize("text", ["camera: &x\n  name: *x\n", "a: &x {b: *x}\n", "[" * 3000])
def test_file_without_an_end_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"agent\.yaml"):
        read(text, tmp_path)


def test_file_in_another_encoding_and_no_file_at_all_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"agent\.yaml cannot be read: .*utf-8"):
        read(b"camera:\n  name: K\xfcche\n", tmp_path)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_settings(tmp_path)
    with pytest.raises(ConfigurationError, match="no such file; name one with --config"):
        read_settings(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("text", ["", "\n# nothing\n", "---\n", "camera:\n  # nothing\n", "\ufeff"])
def test_empty_file_is_the_defaults(text: str, tmp_path: Path) -> None:
    assert read(text, tmp_path) == read_settings(None)


@pytest.mark.parametrize("position", list(CameraPosition))
def test_preset_fills_in_and_own_values_come_before_it(
    position: CameraPosition, tmp_path: Path
) -> None:
    preset = PRESETS[position]["detection"]["input_long_side"]
    alone = read(f"camera_position: {position.value}\n", tmp_path)
    assert alone.detection.input_long_side == preset
    own = read(f"camera_position: {position.value}\ndetection:\n  input_long_side: 416\n", tmp_path)
    assert own.detection.input_long_side == 416
    assert own.detection.leading_part == alone.detection.leading_part


def test_option_comes_before_the_file_and_its_preset(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text("camera_position: facing\ncamera:\n  source: 1\n  name: door\n")
    settings = read_settings(path, {"camera_position": "ceiling", "camera": {"source": "2"}})
    assert (settings.camera.source, settings.camera.name) == ("2", "door")
    ceiling = PRESETS[CameraPosition.CEILING]["detection"]["input_long_side"]
    assert settings.detection.input_long_side == ceiling


def test_secrets_come_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mqtt").write_text("from-systemd\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("BROKER_USER", "from-environment")
    settings = read("mqtt:\n  username: !env BROKER_USER\n  password: !credential mqtt\n", tmp_path)
    assert settings.mqtt.username == "from-environment"
    assert settings.mqtt.password is not None
    assert settings.mqtt.password.get_secret_value() == "from-systemd"
    assert "from-systemd" not in repr(settings)
