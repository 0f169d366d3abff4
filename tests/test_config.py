"""The files in config/: they say what the settings are, all of them and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from edge_agent.devices.config_file import read_settings
from edge_agent.domain.errors import ConfigurationError
from edge_agent.settings import Section, Settings

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / "config"
REFERENCE = CONFIG / "edge-agent.yaml"


def keys_of(section: type[Section], path: str = "") -> Iterator[str]:
    for key, field in section.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            yield from keys_of(inner, f"{path}{key}.")
        else:
            yield path + key


def leaves_of(document: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for key, value in document.items():
        if isinstance(value, Mapping):
            yield from leaves_of(value, f"{path}{key}.")
        else:
            yield path + key


def uncommented() -> str:
    """The reference with every setting switched on: '#key: value' without its '#'."""
    return re.sub(r"(?m)^( *)#(\w+:)", r"\1\2", REFERENCE.read_text())


def test_files_are_those_that_the_settings_make() -> None:
    made = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "make-config"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr


def test_every_setting_is_documented_and_every_documented_key_exists() -> None:
    documented = list(leaves_of(yaml.safe_load(uncommented())))
    assert sorted(documented) == sorted(keys_of(Settings))


def test_every_setting_has_a_comment_of_its_own() -> None:
    lines = REFERENCE.read_text().splitlines()
    bare = [
        line
        for before, line in pairwise(lines)
        if re.match(r" *#?\w+:", line) and not before.lstrip().startswith("# ")
    ]
    assert bare == []


def test_file_as_shipped_is_the_defaults() -> None:
    assert read_settings(REFERENCE) == Settings.from_document({})


def test_documented_values_are_the_defaults(tmp_path: Path) -> None:
    document = {key: value for key, value in yaml.safe_load(uncommented()).items() if value}
    file = tmp_path / "all.yaml"
    file.write_text(yaml.safe_dump(document))
    assert read_settings(file) == Settings.from_document({})


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    document = json.loads((CONFIG / "edge-agent.schema.json").read_text())
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document)


def test_reference_names_its_schema() -> None:
    first = REFERENCE.read_text().splitlines()[0]
    name = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert name is not None
    assert (CONFIG / name[1]).is_file()


WRONG = {
    "unknown key": "camera: {widht: 320}",
    "unknown section": "kamera: {width: 320}",
    "below the range": "camera: {width: 7}",
    "not one of": "camera_position: floor",
    "of another kind": "mqtt: {port: high}",
    "a list for a section": "mqtt: [host]",
}
RIGHT = {
    "shipped": REFERENCE.read_text(),
    "empty section": "camera:\nmqtt:\n  tls:\n",
    "numbers for names": "camera: {source: 0}\nmqtt: {protocol: 5}",
    "a secret": "mqtt: {username: me, password: secret}",
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG.keys())
def test_schema_and_settings_refuse_alike(
    text: str, schema: Draft202012Validator, tmp_path: Path
) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=r"wrong\.yaml:1: "):
        read_settings(file)
    assert not schema.is_valid(yaml.safe_load(text))


@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT.keys())
def test_schema_and_settings_take_alike(
    text: str, schema: Draft202012Validator, tmp_path: Path
) -> None:
    file = tmp_path / "right.yaml"
    file.write_text(text)
    read_settings(file)
    schema.validate(yaml.safe_load(text))


def test_all_faults_are_said_at_once_each_with_its_line_and_the_way_out(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(
        "host: broker\n"
        "camera_position: facin\n"
        "camera:\n"
        "  widht: 320\n"
        "  width: 7\n"
        "  frame_rate: fast\n"
        "models:\n"
        "  people: !env EDGE_AGENT_IS_NOT_SET\n"
        "mqtt:\n"
        "  password: 12345678\n"
        "detection: [1]\n"
    )
    with pytest.raises(ConfigurationError) as caught:
        read_settings(file)
    assert str(caught.value).replace(str(file), "F").splitlines() == [
        "F:1: host: unknown setting; did you mean mqtt.host?",
        "F:2: camera_position: 'facin' is not allowed: should be 'facing' or 'ceiling'; "
        "did you mean 'facing'?",
        "F:4: camera.widht: unknown setting; did you mean 'width'?",
        "F:5: camera.width: 7 is not allowed: should be 16 to 8192",
        "F:6: camera.frame_rate: 'fast' is not allowed: should be a number, more than 0 and "
        "at most 240",
        "F:8: models.people: the environment variable EDGE_AGENT_IS_NOT_SET is not set",
        "F:10: mqtt.password: **** is not allowed: should be text; put it in quotes",
        "F:11: detection: a list is not allowed: should be a section, with settings "
        "(input_long_side, threshold, leading_part) indented below it as 'key: value'",
    ]


@pytest.mark.parametrize(
    "text", ["mqtt: [{password: hunter2}]", "password: hunter2", "mqtt: {password: {a: hunter2}}"]
)
def test_secrets_are_not_shown_in_faults(text: str, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        read_settings(file)
    assert "hunter2" not in str(caught.value)
