"""JSON Schemas of what the agent publishes, for those who consume it."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

NAMES = ("scene", "event", "entity", "faces")


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of one of `NAMES`; they refer to each other by `$id`."""
    if name not in NAMES:
        raise ValueError(f"no schema {name!r}; there are {', '.join(NAMES)}")
    text = resources.files(__package__).joinpath(f"{name}.schema.json").read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    return document
