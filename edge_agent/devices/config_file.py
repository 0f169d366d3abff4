"""The configuration file: YAML in, settings out, or every fault at once with its line."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, SecretStr, ValidationError

from edge_agent.domain.errors import ConfigurationError
from edge_agent.settings import MqttSettings, Settings

DEFAULT_PATH = Path("/etc/edge-agent/edge-agent.yaml")
CREDENTIALS = "CREDENTIALS_DIRECTORY"
"""The variable in which systemd names the folder of a unit's credentials."""

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, and where."""

    file: str
    line: int | None
    key: str
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"


def read_settings(path: Path | None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings of a file, or the defaults without one, with some values set from elsewhere.

    `overrides` is nested like the file. Raises ConfigurationError with every fault, one to a line.
    """
    text = _read(path)
    name = str(path) if path is not None else "settings"
    document, lines = _parse(text, name)
    merged = _merged(document, overrides or {})
    try:
        return Settings.from_document(merged)
    except ValidationError as error:
        faults = [_fault(name, lines, details, merged) for details in error.errors()]
        faults.sort(key=lambda fault: (fault.line is None, fault.line or 0, fault.key))
        raise ConfigurationError("\n".join(map(str, faults))) from None


def default_path() -> Path | None:
    """The file that is read when none is named: that of the system, if it is there."""
    return DEFAULT_PATH if DEFAULT_PATH.is_file() else None


def password_of(settings: MqttSettings) -> str | None:
    """The broker's password from wherever the configuration says; raises ConfigurationError."""
    if settings.password is not None:
        return settings.password.get_secret_value()
    if settings.password_file is None:
        return None
    try:
        return settings.password_file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"mqtt.password_file {settings.password_file} cannot be read: {error}"
        ) from error


def _read(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigurationError(f"{path}: no such file; name one with --config") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error


class _Loader(yaml.SafeLoader):
    """YAML with `!env NAME` and `!credential NAME` for what should not stand in the file."""


def _from_environment(loader: _Loader, node: yaml.ScalarNode) -> str:
    name = str(loader.construct_scalar(node))
    if name not in os.environ:
        raise yaml.constructor.ConstructorError(
            None, None, f"the environment variable {name} is not set", node.start_mark
        )
    return os.environ[name]


def _from_credential(loader: _Loader, node: yaml.ScalarNode) -> str:
    name = str(loader.construct_scalar(node))
    folder = os.environ.get(CREDENTIALS)
    try:
        if folder is None or Path(name).name != name:
            raise FileNotFoundError(name)
        return (Path(folder) / name).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise yaml.constructor.ConstructorError(
            None,
            None,
            f"the service has no credential {name}; add LoadCredential={name}:FILE to its unit",
            node.start_mark,
        ) from None


_Loader.add_constructor("!env", _from_environment)
_Loader.add_constructor("!credential", _from_credential)


def _parse(text: str, name: str) -> tuple[dict[str, Any], dict[KeyPath, int]]:
    """The document and the line of each key in it."""
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            lines: dict[KeyPath, int] = {}
            faults: list[Fault] = []
            if node is not None:
                _note_lines(node, (), lines, faults, name)
            document = loader.construct_document(node) if node is not None else {}
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = None if mark is None else mark.line + 1
        raise ConfigurationError(str(Fault(name, line, "", error.problem or str(error)))) from None
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{name}: {error}") from None
    if faults:
        raise ConfigurationError("\n".join(map(str, faults)))
    if document is None:
        return {}, {}
    if not isinstance(document, dict):
        raise ConfigurationError(f"{name}:1: the file should hold settings such as 'camera:'")
    return document, lines


def _note_lines(
    node: yaml.Node, path: KeyPath, lines: dict[KeyPath, int], faults: list[Fault], name: str
) -> None:
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            key: KeyPath = (*path, str(key_node.value))
            line = key_node.start_mark.line + 1
            if key in lines:
                message = f"is set twice, first in line {lines[key]}"
                faults.append(Fault(name, line, _dotted(key), message))
            lines[key] = line
            _note_lines(value_node, key, lines, faults, name)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            key = (*path, index)
            lines[key] = item.start_mark.line + 1
            _note_lines(item, key, lines, faults, name)


def _merged(document: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(document)
    for key, value in overrides.items():
        below = merged.get(key)
        if isinstance(value, Mapping) and (below is None or isinstance(below, Mapping)):
            merged[key] = _merged(below or {}, value)
        else:
            merged[key] = value
    return merged


def _fault(
    name: str, lines: Mapping[KeyPath, int], details: Any, document: Mapping[str, Any]
) -> Fault:
    path: KeyPath = tuple(details["loc"])
    line = next((lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in lines), None)
    if details["type"] == "extra_forbidden":
        return Fault(name, line, _dotted(path), _unknown_key(path))
    shown = "****" if _is_secret(path) else repr(details["input"])
    return Fault(name, line, _dotted(path), f"{shown} is not allowed: {_reason(details)}")


def _reason(details: Any) -> str:
    message = str(details["msg"])
    for before in ("Value error, ", "Input "):
        message = message.removeprefix(before)
    return message[:1].lower() + message[1:]


def _unknown_key(path: KeyPath) -> str:
    section = _section_at(path[:-1])
    known = list(section.model_fields) if section is not None else []
    nearest = difflib.get_close_matches(str(path[-1]), known, n=1, cutoff=0.5)
    meant = f"did you mean {nearest[0]!r}?" if nearest else f"known here: {', '.join(known)}"
    return f"unknown setting; {meant}"


def _section_at(path: KeyPath) -> type[BaseModel] | None:
    section: type[BaseModel] = Settings
    for key in path:
        field = section.model_fields.get(str(key))
        inner = field.annotation if field is not None else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return None
        section = inner
    return section


def _is_secret(path: KeyPath) -> bool:
    section = _section_at(path[:-1])
    field = section.model_fields.get(str(path[-1])) if section is not None else None
    return field is not None and SecretStr.__name__ in str(field.annotation)


def _dotted(path: KeyPath) -> str:
    return ".".join(map(str, path))
