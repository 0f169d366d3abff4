"""edge-agent check: configuration, models, camera and broker, each with what to do about it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial

import yaml

from edge_agent.cli.options import add_broker, add_config, add_preset, settings_of
from edge_agent.devices.cameras import open_camera
from edge_agent.devices.config_file import default_path, password_of
from edge_agent.devices.manifest import Task, find_model
from edge_agent.devices.mqtt_client import probe
from edge_agent.devices.tflite import TfliteEngine, runtime_name
from edge_agent.domain.errors import AgentError, CameraError
from edge_agent.presets import PRESETS
from edge_agent.settings import Settings

GREEN, RED, PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[0m"
WHAT_WIDTH = 14


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    add_preset(parser)
    add_broker(parser)
    parser.add_argument(
        "--show-preset",
        action="store_true",
        help="print what the camera position sets, and all settings as they come out",
    )


def run(arguments: argparse.Namespace) -> int:
    """0 when all is well, else the exit status of the first thing that is not."""
    path = arguments.config or default_path()
    try:
        settings = settings_of(arguments)
    except AgentError as error:
        for fault in str(error).splitlines():
            _say(False, "configuration", fault)
        return error.exit_status
    if arguments.show_preset:
        _show_preset(settings)
        return 0
    _say(True, "configuration", str(path) if path else "defaults; no file is named")
    checks: list[tuple[str, Callable[[], str]]] = [
        *(
            (what, partial(_check_model, settings, name, task))
            for what, name, task in _models(settings)
        ),
        ("camera", lambda: _check_camera(settings)),
        ("broker", lambda: _check_broker(settings)),
    ]
    status = 0
    for what, check in checks:
        try:
            _say(True, what, check())
        except AgentError as error:
            _say(False, what, str(error))
            status = status or error.exit_status
    return status


def _models(settings: Settings) -> Iterator[tuple[str, str, Task]]:
    """What each model is called here, its name and its task, of those that are needed."""
    models, attributes = settings.models, settings.attributes
    yield "people model", models.people, "people"
    if attributes.expression:
        yield "expression", models.expression, "expression"
    if attributes.age or attributes.gender:
        yield "age and gender", models.demographics, "demographics"
    if attributes.of_faces:
        yield "face geometry", models.face_geometry, "face_geometry"


def _check_model(settings: Settings, name: str, task: Task) -> str:
    model = find_model(name, settings.models.directory, task)
    engine = TfliteEngine(model, settings.models.threads)
    size = engine.input_size
    return f"{model.path} ({size.width} x {size.height}, on {runtime_name()})"


def _check_camera(settings: Settings) -> str:
    with closing(open_camera(settings.camera)) as camera:
        frame = camera.read()
    if frame is None:
        raise CameraError(f"{settings.camera.source} gives no frame")
    return f"{settings.camera.source} gives {frame.size.width} x {frame.size.height}"


def _check_broker(settings: Settings) -> str:
    version = probe(settings.mqtt, password_of(settings.mqtt))
    return f"{settings.mqtt.host}:{settings.mqtt.port} answers (MQTT {version})"


def _show_preset(settings: Settings) -> None:
    position = settings.camera_position
    preset = {section: dict(values) for section, values in PRESETS[position].items()}
    print(f"# the preset {position.value}")
    print(yaml.safe_dump(preset, sort_keys=False).rstrip())
    print("\n# all settings under it")
    print(yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False).rstrip())


def _say(is_well: bool, what: str, text: str) -> None:
    mark = "ok" if is_well else "wrong"
    if sys.stdout.isatty():
        mark = f"{GREEN if is_well else RED}{mark:<5}{PLAIN}"
    print(f"{mark:<5}  {what:<{WHAT_WIDTH}} {text}")
