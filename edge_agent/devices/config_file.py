"""The configuration file: YAML in, settings out, or every fault at once with its line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from edge_agent.devices.config_faults import Fault, KeyPath, dotted, fault_of
from edge_agent.domain.errors import ConfigurationError
from edge_agent.settings import MqttSettings, Settings

DEFAULT_PATH = Path("/etc/edge-agent/edge-agent.yaml")
CREDENTIALS = "CREDENTIALS_DIRECTORY"
"""The variable in which systemd names the folder of a unit's credentials."""


def read_settings(path: Path | None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings of a file, or the defaults without one, with some values set from elsewhere.

    `overrides` is nested like the file. Raises ConfigurationError with every fault, one to a line.
    """
    text = _read(path)
    name = str(path) if path is not None else "settings"
    document = _parse(text, name)
    merged = _merged(document.values, overrides or {})
    faults = list(document.faults.values())
    try:
        settings = Settings.from_document(merged)
    except ValidationError as error:
        faults += [
            fault_of(name, document.lines, details)
            for details in error.errors()
            if details["loc"] not in document.faults
        ]
        settings = None
    if faults or settings is None:
        faults.sort(key=lambda fault: (fault.line is None, fault.line or 0, fault.key))
        raise ConfigurationError("\n".join(map(str, faults)))
    return settings


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

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.unresolved: list[tuple[yaml.Node, str]] = []

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Raises MarkedYAMLError also for what only looks like a date or a number."""
        try:
            return super().construct_object(node, deep)
        except ValueError as error:
            raise yaml.MarkedYAMLError(problem=str(error), problem_mark=node.start_mark) from None


def _from_environment(loader: _Loader, node: yaml.ScalarNode) -> str:
    name = str(loader.construct_scalar(node))
    if name not in os.environ:
        loader.unresolved.append((node, f"the environment variable {name} is not set"))
    return os.environ.get(name, "")


def _from_credential(loader: _Loader, node: yaml.ScalarNode) -> str:
    name = str(loader.construct_scalar(node))
    folder = os.environ.get(CREDENTIALS)
    try:
        if folder is None or Path(name).name != name:
            raise FileNotFoundError(name)
        return (Path(folder) / name).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        message = (
            f"the service has no credential {name}; add LoadCredential={name}:FILE to its unit"
        )
        loader.unresolved.append((node, message))
        return ""


_Loader.add_constructor("!env", _from_environment)
_Loader.add_constructor("!credential", _from_credential)


@dataclass(frozen=True, slots=True)
class _Document:
    """A parsed file, the line of each of its keys, and what is wrong with it so far."""

    values: dict[str, Any]
    lines: dict[KeyPath, int]
    faults: dict[KeyPath, Fault]


def _parse(text: str, name: str) -> _Document:
    try:
        node, values, unresolved = _constructed(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = None if mark is None else mark.line + 1
        raise ConfigurationError(str(Fault(name, line, "", error.problem or str(error)))) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        message = f"the character {chr(error.character)!r} has no place here"
        raise ConfigurationError(str(Fault(name, line, "", message))) from None
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{name}: {error}") from None
    except RecursionError:
        raise ConfigurationError(f"{name}: too deeply nested, or a part of itself") from None
    if node is None or values is None:
        return _Document({}, {}, {})
    if not isinstance(values, dict):
        raise ConfigurationError(f"{name}:1: the file should hold settings such as 'camera:'")
    document = _Document(values, {}, {})
    try:
        _note(node, (), document, name, {id(of): message for of, message in unresolved})
    except RecursionError:
        raise ConfigurationError(f"{name}: too deeply nested, or a part of itself") from None
    return document


def _constructed(text: str) -> tuple[yaml.Node | None, Any, list[tuple[yaml.Node, str]]]:
    """The root of the document, what it means, and which of its values are not there."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        values = loader.construct_document(node) if node is not None else None
        return node, values, loader.unresolved
    finally:
        loader.dispose()


def _note(
    node: yaml.Node, path: KeyPath, document: _Document, name: str, unresolved: Mapping[int, str]
) -> None:
    """Put down the lines below `node`, keys that are set twice, and values that are not there."""
    if id(node) in unresolved:
        line = node.start_mark.line + 1
        document.faults[path] = Fault(name, line, dotted(path), unresolved[id(node)])
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            key: KeyPath = (*path, str(key_node.value))
            line = key_node.start_mark.line + 1
            if key in document.lines:
                message = f"is set twice, first in line {document.lines[key]}"
                document.faults[key] = Fault(name, line, dotted(key), message)
            document.lines[key] = line
            _note(value_node, key, document, name, unresolved)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            key = (*path, index)
            document.lines[key] = item.start_mark.line + 1
            _note(item, key, document, name, unresolved)


def _merged(document: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(document)
    for key, value in overrides.items():
        below = merged.get(key)
        if isinstance(value, Mapping) and (below is None or isinstance(below, Mapping)):
            merged[key] = _merged(below or {}, value)
        else:
            merged[key] = value
    return merged
