"""The shipped JSON Schemas, as checks for the tests."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from edge_agent.messages.schemas import NAMES, schema

_REGISTRY: Registry[Any] = Registry().with_resources(
    (schema(name)["$id"], Resource.from_contents(schema(name))) for name in NAMES
)


def check(name: str, document: Any) -> None:
    """Raises jsonschema.ValidationError where `document` is not as its schema says."""
    Draft202012Validator(schema(name), registry=_REGISTRY).validate(document)
