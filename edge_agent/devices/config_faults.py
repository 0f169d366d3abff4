"""What is wrong with a configuration file, said so that a person can put it right."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, get_args

from pydantic import BaseModel, SecretStr

from edge_agent.settings import Settings

KeyPath = tuple[str | int, ...]
LONGEST_SHOWN = 60
MASK = "****"


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


def fault_of(file: str, lines: Mapping[KeyPath, int], details: Any) -> Fault:
    """A fault out of one of the errors of pydantic's ValidationError."""
    path: KeyPath = tuple(details["loc"])
    line = next((lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in lines), None)
    if details["type"] == "extra_forbidden":
        return Fault(file, line, dotted(path), _unknown_key(path))
    shown = MASK if _is_secret(path) else _shown(details["input"])
    return Fault(file, line, dotted(path), f"{shown} is not allowed: {_reason(path, details)}")


def dotted(path: KeyPath) -> str:
    return ".".join(map(str, path))


def _shown(value: Any) -> str:
    """A value for people; what a whole section holds is not shown, it may be a secret."""
    if value is None:
        return "an empty value"
    if isinstance(value, (Mapping, list)):
        return "a section" if isinstance(value, Mapping) else "a list"
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 3] + "..."


def _reason(path: KeyPath, details: Any) -> str:
    kind, value = details["type"], details["input"]
    if kind == "string_type" and isinstance(value, (int, float)):
        return "should be text; put it in quotes"
    if kind in {"model_type", "model_attributes_type"}:
        section = _section_at(path)
        keys = ", ".join(section.model_fields) if section is not None else ""
        return f"should be a section, with settings ({keys}) indented below it as 'key: value'"
    limits = _limits(path)
    if kind.startswith(("greater_than", "less_than", "multiple_of")) and limits:
        return f"should be {limits}"
    message = str(details["msg"])
    for before in ("Value error, ", "Input "):
        message = message.removeprefix(before)
    message = message[:1].lower() + message[1:]
    if kind in {"literal_error", "enum"}:
        allowed = _choices(path)
        nearest = difflib.get_close_matches(str(value), allowed, n=1, cutoff=0.5)
        return message + (f"; did you mean {nearest[0]!r}?" if nearest else "")
    if kind in {"int_parsing", "int_type", "int_from_float", "float_parsing", "float_type"}:
        number = "a whole number" if kind.startswith("int") else "a number"
        return f"should be {number}" + (f", {limits}" if limits else "")
    return message


def _limits(path: KeyPath) -> str:
    """The range of a number, as '16 to 8192'; empty where it has none."""
    found: dict[str, float] = {}
    for part in _metadata(path):
        for name in ("ge", "gt", "le", "lt", "multiple_of"):
            if getattr(part, name, None) is not None:
                found[name] = getattr(part, name)
    plain = {name: f"{value:g}" if value < 1e6 else f"{value:.0f}" for name, value in found.items()}
    said = []
    if "ge" in found and "le" in found:
        said.append(f"{plain['ge']} to {plain['le']}")
    else:
        words = {"gt": "more than", "ge": "at least", "le": "at most", "lt": "less than"}
        said += [f"{word} {plain[name]}" for name, word in words.items() if name in found]
    if "multiple_of" in found:
        said.append(f"in steps of {plain['multiple_of']}")
    return ", ".join(said) if "multiple_of" in found else " and ".join(said)


def _choices(path: KeyPath) -> list[str]:
    field = _field_at(path)
    annotation = field.annotation if field is not None else None
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return [str(member.value) for member in annotation]
    return [str(choice) for choice in get_args(annotation)]


def _unknown_key(path: KeyPath) -> str:
    """What was probably meant: a similar key of that section, or the same key of another."""
    key, section = str(path[-1]), _section_at(path[:-1])
    known = list(section.model_fields) if section is not None else []
    nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    if nearest:
        return f"unknown setting; did you mean {nearest[0]!r}?"
    elsewhere = [dotted(other) for other in _all_keys(Settings, ()) if other[-1] == key]
    if elsewhere:
        return f"unknown setting; did you mean {' or '.join(elsewhere)}?"
    nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.4)
    meant = f"did you mean {nearest[0]!r}?" if nearest else f"known here: {', '.join(known)}"
    return f"unknown setting; {meant}"


def _all_keys(section: type[BaseModel], path: KeyPath) -> Iterator[KeyPath]:
    for key, field in section.model_fields.items():
        yield (*path, key)
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _all_keys(inner, (*path, key))


def _section_at(path: KeyPath) -> type[BaseModel] | None:
    section: type[BaseModel] = Settings
    for key in path:
        field = section.model_fields.get(str(key))
        inner = field.annotation if field is not None else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return None
        section = inner
    return section


def _field_at(path: KeyPath) -> Any:
    section = _section_at(path[:-1])
    return section.model_fields.get(str(path[-1])) if section is not None and path else None


def _metadata(path: KeyPath) -> list[Any]:
    field = _field_at(path)
    return [] if field is None else list(field.metadata)


def _is_secret(path: KeyPath) -> bool:
    field = _field_at(path)
    return field is not None and SecretStr.__name__ in str(field.annotation)
