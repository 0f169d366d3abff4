"""The manifest of the models: what each file is, what its tensors are, what its figures were."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from edge_agent.devices.shipped import shipped_folder
from edge_agent.domain.errors import ModelError
from edge_agent.domain.observation import Emotion
from edge_agent.settings import Section

MANIFEST = "manifest.yaml"
Task = Literal["people", "expression", "demographics", "face_geometry"]
"""What a model is for: the head that reads its outputs."""
LABELS: dict[Task, tuple[str, ...]] = {"expression": tuple(emotion.value for emotion in Emotion)}
"""Those that a head takes its outputs by, where it does, in their order."""

T = TypeVar("T")


class TensorEntry(Section):
    """One tensor of a model file, checked against the file when it is loaded."""

    tensor: str
    """Its name in the file."""
    shape: tuple[int, ...]
    dtype: Literal["int8", "uint8", "float32"]


class InputEntry(TensorEntry):
    channels: Literal["grey", "bgr"]
    """What the image's channels are; real-valued input is pixel / 255."""


class ModelEntry(Section):
    """One model: file, tensors, labels, and where it came from."""

    file: str
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    task: Task
    input: InputEntry
    outputs: dict[str, TensorEntry]
    labels: tuple[str, ...] = ()
    parameters: dict[str, float] = Field(default_factory=dict)
    """Free numbers of the decoder, such as a temperature or the margin of the crop."""
    data: str
    """What it was trained on."""
    licence: str
    """What the terms of that data allow."""
    figures: dict[str, Any] = Field(default_factory=dict)
    """What was measured on the file, by `training.evaluate`."""


class Model(Section):
    """A model file on disk together with its entry."""

    name: str
    path: Path
    entry: ModelEntry


def find_model(name: str, directory: Path | None = None, task: Task | None = None) -> Model:
    """The model called `name` in the manifest, or at the path `name` with its entry in NAME.yaml.

    Raises ModelError where the entry or the file is missing, damaged or another than described, or
    where the model is not for `task`.
    """
    if name.endswith(".tflite"):
        path = Path(name).expanduser()
        model = Model(name=path.stem, path=path, entry=_own_entry(path))
    else:
        folder = directory or shipped_folder("models")
        entries = read_manifest(folder / MANIFEST)
        if name not in entries:
            known = ", ".join(sorted(entries)) or "none"
            raise ModelError(f"no model {name!r} in {folder / MANIFEST}; it has: {known}")
        model = Model(name=name, path=folder / entries[name].file, entry=entries[name])
    _check_file(model)
    if task is not None:
        _check_task(model, task)
    return model


def read_manifest(path: Path) -> dict[str, ModelEntry]:
    """All entries by name; raises ModelError that names the faults."""
    return _validated(path, TypeAdapter(dict[str, ModelEntry]))


def _own_entry(path: Path) -> ModelEntry:
    description = path.with_suffix(".yaml")
    if not description.is_file():
        raise ModelError(f"model {path} has no description: {description} is missing")
    return _validated(description, TypeAdapter(ModelEntry))


def _validated(path: Path, adapter: TypeAdapter[T]) -> T:
    try:
        return adapter.validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ModelError(f"no manifest of models at {path}; set models.directory") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()
        )
        raise ModelError(f"{path} is no manifest of models: {faults}") from error


def _check_task(model: Model, task: Task) -> None:
    if model.entry.task != task:
        raise ModelError(f"model {model.name} is for {model.entry.task}, not for {task}")
    expected = LABELS.get(task, model.entry.labels)
    if model.entry.labels != expected:
        raise ModelError(
            f"model {model.name} answers by the labels {', '.join(model.entry.labels) or 'none'}; "
            f"{task} takes {', '.join(expected)}"
        )


def _check_file(model: Model) -> None:
    try:
        found = hashlib.sha256(model.path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(f"model file {model.path} cannot be read: {error.strerror}") from error
    if found != model.entry.sha256:
        raise ModelError(
            f"model file {model.path} is damaged or another one: sha256 {found[:12]}… where the "
            f"manifest has {model.entry.sha256[:12]}…; install it again"
        )
