"""Models that are as their manifest says, and models that are not."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from edge_agent.devices.manifest import find_model
from edge_agent.devices.shipped import shipped_folder
from edge_agent.devices.tflite import TfliteEngine
from edge_agent.domain.errors import ModelError
from edge_agent.domain.geometry import Size

SHIPPED = shipped_folder("models")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the expression model alone, to be spoilt."""
    manifest = yaml.safe_load((SHIPPED / "manifest.yaml").read_text())
    (tmp_path / "expression.tflite").write_bytes((SHIPPED / "expression.tflite").read_bytes())
    (tmp_path / "manifest.yaml").write_text(yaml.safe_dump({"expression": manifest["expression"]}))
    return tmp_path


def spoil(folder: Path, *keys: str, value: Any) -> None:
    path = folder / "manifest.yaml"
    manifest = yaml.safe_load(path.read_text())
    entry = manifest["expression"]
    for key in keys[:-1]:
        entry = entry[key]
    entry[keys[-1]] = value
    path.write_text(yaml.safe_dump(manifest))


def load(folder: Path) -> TfliteEngine:
    return TfliteEngine(find_model("expression", folder))


@pytest.mark.parametrize("name", sorted(yaml.safe_load((SHIPPED / "manifest.yaml").read_text())))
def test_every_shipped_model_is_as_its_manifest_says(name: str) -> None:
    engine = TfliteEngine(find_model(name))
    size = engine.input_size
    channels = find_model(name).entry.input.shape[3]
    image = np.random.default_rng(4).integers(0, 256, (size.height, size.width, channels), np.uint8)
    outputs = engine.infer(image)
    assert outputs
    for key, entry in find_model(name).entry.outputs.items():
        assert outputs[key].shape == entry.shape[1:]
        assert outputs[key].dtype == np.float32
        assert np.isfinite(outputs[key]).all()


def test_same_image_gives_the_same_answer_and_another_another(folder: Path) -> None:
    engine = load(folder)
    dark, light = np.zeros((48, 48), np.uint8), np.full((48, 48), 255, np.uint8)
    first = engine.infer(dark)["logits"].copy()
    assert not np.array_equal(engine.infer(light)["logits"], first)
    assert np.array_equal(engine.infer(dark)["logits"], first)


def test_missing_model_names_those_there_are(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"no model 'expresion' in .*; it has: expression"):
        find_model("expresion", folder)


def test_missing_manifest_and_file_are_named(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"no manifest .*set models\.directory"):
        find_model("expression", folder / "elsewhere")
    (folder / "expression.tflite").unlink()
    with pytest.raises(ModelError, match=r"expression\.tflite cannot be read: No such file"):
        load(folder)


def test_another_file_than_described_is_refused(folder: Path) -> None:
    with (folder / "expression.tflite").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ModelError, match=r"expression\.tflite is damaged or another one"):
        load(folder)


def test_file_that_is_no_model_is_refused_though_its_hash_is_right(folder: Path) -> None:
    content = b"no model" * 100
    (folder / "expression.tflite").write_bytes(content)
    spoil(folder, "sha256", value=hashlib.sha256(content).hexdigest())
    with pytest.raises(ModelError, match=r"expression\.tflite cannot be loaded"):
        load(folder)


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("input", "tensor"), "picture", r"input should be the tensor 'picture'; the file has '"),
        (
            ("input", "shape"),
            [1, 64, 64, 1],
            r"int8 of shape \[1, 64, 64, 1\]; the file has int8 of shape \[1, 48, 48, 1\]",
        ),
        (("input", "dtype"), "uint8", r"should be uint8 of shape .*; the file has int8"),
        (
            ("outputs", "logits", "shape"),
            [1, 7],
            r"'logits' should be int8 of shape \[1, 7\]",
        ),
    ],
)
def test_tensor_that_differs_is_named_with_what_was_expected_and_found(
    keys: tuple[str, ...], value: Any, message: str, folder: Path
) -> None:
    spoil(folder, *keys, value=value)
    with pytest.raises(ModelError, match=message) as caught:
        load(folder)
    assert "expression.tflite" in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "- a\n", "expression: 5\n", "expression: {file: x}\n", "a: [", "\x01"]
)
def test_manifest_that_is_none_is_named(text: str, folder: Path) -> None:
    (folder / "manifest.yaml").write_text(text)
    with pytest.raises(ModelError, match=r"manifest\.yaml"):
        load(folder)


def test_model_of_ones_own_comes_with_its_description(folder: Path) -> None:
    path = folder / "expression.tflite"
    with pytest.raises(ModelError, match=r"expression\.yaml is missing"):
        find_model(str(path))
    entry = yaml.safe_load((folder / "manifest.yaml").read_text())["expression"]
    path.with_suffix(".yaml").write_text(yaml.safe_dump(entry))
    assert TfliteEngine(find_model(str(path))).input_size == Size(48, 48)


def test_model_in_the_place_of_another_is_refused(folder: Path) -> None:
    assert find_model("expression", folder, "expression").name == "expression"
    with pytest.raises(ModelError, match="model expression is for expression, not for people"):
        find_model("expression", folder, "people")


def test_emotions_in_another_order_would_be_taken_for_others(folder: Path) -> None:
    labels = ["happiness", "neutral", "surprise", "sadness", "anger", "disgust", "fear", "contempt"]
    spoil(folder, "labels", value=labels)
    with pytest.raises(ModelError, match=r"happiness, neutral.* expression takes neutral, happ"):
        find_model("expression", folder, "expression")


def test_parameter_that_the_entry_lacks_is_named(folder: Path) -> None:
    spoil(folder, "parameters", value={"crop_side": 1.1})
    engine = load(folder)
    assert engine.parameters["crop_side"] == 1.1
    with pytest.raises(ModelError, match="model expression has no parameter 'temperature'"):
        engine.parameters["temperature"]
