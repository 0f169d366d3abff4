"""The real daemon as a process, on a clip, with a real broker and a real subscriber."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge_agent.cli.clip import make_clip
from tests.conftest import Mosquitto, free_port
from tests.contract import check
from tests.end_to_end.recorder import Received, Recorder, retained

DEVICE, CAMERA = "board", "door"
STATUS = "edge_agent/board/status"
SCENE = "edge_agent/board/door/scene"
EVENT = "edge_agent/board/door/event"
COUNT = "edge_agent/board/door/count"
ENTITY = "edge_agent/board/door/entity/"
EXIT_TIMEOUT_S = 60


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Someone comes in, walks up, stays smiling, and leaves."""
    path = tmp_path_factory.mktemp("clip") / "clip.avi"
    make_clip(path)
    return path


def configuration(folder: Path, clip: Path, port: int, **camera: Any) -> Path:
    path = folder / "edge-agent.yaml"
    document = {
        "device_id": DEVICE,
        "camera": {"name": CAMERA, "source": str(clip), **camera},
        "mqtt": {
            "host": "127.0.0.1",
            "port": port,
            "scene_interval_s": 0.5,
            "outbox": {"directory": str(folder / "state")},
        },
    }
    path.write_text(yaml.safe_dump(document))
    return path


@contextmanager
def daemon(configured: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "edge_agent", "run", "--config", str(configured)],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def run_to_its_end(configured: Path) -> str:
    with daemon(configured) as process:
        _, said = process.communicate(timeout=EXIT_TIMEOUT_S)
        assert process.returncode == 0, said
    return said


def of_type(recorder: Recorder, event_type: str) -> list[dict[str, Any]]:
    documents = [message.document for message in recorder.on(EVENT)]
    return [document for document in documents if document["type"] == event_type]


@pytest.fixture(scope="module")
def recorded(
    clip: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Recorder, int]]:
    folder = tmp_path_factory.mktemp("visit")
    broker = Mosquitto(folder, free_port())
    broker.start()
    with Recorder(broker.port) as recorder:
        run_to_its_end(configuration(folder, clip, broker.port, pace="fast"))
        recorder.wait_for(STATUS, lambda message: message.payload == b"offline")
        yield recorder, broker.port
    broker.stop()


class TestOneVisit:
    """All that is published of someone who comes, smiles and leaves."""

    def test_the_events_of_the_visit(self, recorded: tuple[Recorder, int]) -> None:
        recorder, _ = recorded
        types = [message.document["type"] for message in recorder.on(EVENT)]
        assert types[0] == "appearance"
        assert types[-1] == "disappearance"
        assert types.count("appearance") == types.count("disappearance") == 1
        assert "direction_estimated" in types
        smiles = [
            event
            for event in of_type(recorder, "emotion_detected")
            if event["key"] == "emotion_happiness"
        ]
        assert smiles

    def test_every_document_is_as_its_schema_says(self, recorded: tuple[Recorder, int]) -> None:
        recorder, _ = recorded
        assert len(recorder.on(SCENE)) >= 16 / 0.6  # about one each half second of the clip's 16
        for message in recorder.on(SCENE):
            check("scene", message.document)
        for message in recorder.on(EVENT):
            check("event", message.document)
        snapshots = [message for message in recorder.on(ENTITY) if message.payload]
        assert snapshots
        for message in snapshots:
            check("entity", message.document)

    def test_every_event_resolves_in_its_scene(self, recorded: tuple[Recorder, int]) -> None:
        recorder, _ = recorded
        scenes = {message.document["timestamp"]: message.document for message in recorder.on(SCENE)}
        for message in recorder.on(EVENT):
            event = message.document
            scene = scenes[event["timestamp"]]
            assert scene["entities"][event["entity_id"]][event["key"]] == event["value"]
            fields = ("entity_id", "entity_type", "type", "confidence", "key")
            assert {field: event[field] for field in fields} in scene["events"]

    def test_events_are_named_and_numbered(self, recorded: tuple[Recorder, int]) -> None:
        recorder, _ = recorded
        events = [message.document for message in recorder.on(EVENT)]
        assert {(event["device"], event["camera"]) for event in events} == {(DEVICE, CAMERA)}
        sequences = [event["sequence"] for event in events]
        assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
        assert len({event["entity_id"] for event in events}) == 1

    @pytest.mark.parametrize(
        ("topic", "qos", "retain"),
        [
            (STATUS, 1, True),
            (SCENE, 0, False),
            (EVENT, 1, False),
            (COUNT, 1, True),
            (ENTITY, 1, True),
        ],
    )
    def test_quality_of_service_and_retain(
        self, recorded: tuple[Recorder, int], topic: str, qos: int, retain: bool
    ) -> None:
        recorder, _ = recorded
        flags = {(message.qos, message.retain) for message in recorder.on(topic)}
        assert flags == {(qos, retain)}

    def test_status_and_count_tell_the_story(self, recorded: tuple[Recorder, int]) -> None:
        recorder, _ = recorded
        assert [message.payload for message in recorder.on(STATUS)] == [b"online", b"offline"]
        assert [message.payload for message in recorder.on(COUNT)] == [b"0", b"1", b"0"]

    def test_a_snapshot_comes_before_the_event_and_goes_after_the_last(
        self, recorded: tuple[Recorder, int]
    ) -> None:
        recorder, _ = recorded
        entity_topic = ENTITY + recorder.on(EVENT)[0].document["entity_id"]
        order = [m for m in recorder.messages if m.topic in (EVENT, entity_topic)]
        assert order[0].topic == entity_topic
        assert order[-2].document["type"] == "disappearance"
        assert order[-1] == Received(entity_topic, b"", 1, True)

    def test_nothing_is_retained_of_who_has_gone(self, recorded: tuple[Recorder, int]) -> None:
        _, port = recorded
        assert retained(port) == {STATUS: b"offline", COUNT: b"0"}


def test_a_killed_agent_is_offline_and_its_entities_go_when_it_is_back(
    clip: Path, tmp_path: Path, mosquitto: Mosquitto
) -> None:
    configured = configuration(tmp_path, clip, mosquitto.port, pace="real_time")
    with Recorder(mosquitto.port) as recorder:
        with daemon(configured) as process:
            recorder.wait_for(EVENT, lambda message: message.document["type"] == "appearance")
            recorder.wait_for(COUNT, lambda message: message.payload == b"1")
            process.send_signal(signal.SIGKILL)
        recorder.wait_for(STATUS, lambda message: message.payload == b"offline")
        (left,) = [topic for topic in retained(mosquitto.port) if topic.startswith(ENTITY)]
        before = len(recorder.on(EVENT))
        run_to_its_end(configuration(tmp_path, clip, mosquitto.port, pace="fast"))
        recorder.wait_for(left, lambda message: message.payload == b"")
        events = [message.document for message in recorder.on(EVENT)]
    assert len(events) > before
    sequences = sorted({event["sequence"] for event in events})
    assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
    assert not any(topic.startswith(ENTITY) for topic in retained(mosquitto.port))


def test_events_wait_on_disk_for_a_broker_that_is_away(
    clip: Path, tmp_path: Path, mosquitto: Mosquitto
) -> None:
    mosquitto.stop()
    configured = configuration(tmp_path, clip, mosquitto.port, pace="fast")
    said = run_to_its_end(configured)
    assert said.count("no broker at 127.0.0.1") == 1
    mosquitto.start()
    with Recorder(mosquitto.port) as recorder:
        run_to_its_end(configured)
        recorder.wait_for(STATUS, lambda message: message.payload == b"offline")
        events = [message.document for message in recorder.on(EVENT)]
    assert [event["type"] for event in events].count("appearance") == 2
    sequences = [event["sequence"] for event in events]
    assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))


def test_sigterm_ends_the_visits_and_says_goodbye(
    clip: Path, tmp_path: Path, mosquitto: Mosquitto
) -> None:
    configured = configuration(tmp_path, clip, mosquitto.port, pace="real_time")
    with Recorder(mosquitto.port) as recorder, daemon(configured) as process:
        recorder.wait_for(EVENT, lambda message: message.document["type"] == "appearance")
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=EXIT_TIMEOUT_S)
        assert process.returncode == 0, said
        recorder.wait_for(STATUS, lambda message: message.payload == b"offline")
        assert [message.payload for message in recorder.on(STATUS)] == [b"online", b"offline"]
        assert of_type(recorder, "disappearance")
    assert retained(mosquitto.port) == {STATUS: b"offline", COUNT: b"0"}


def test_a_wrong_configuration_stops_the_start_with_every_fault(tmp_path: Path) -> None:
    path = tmp_path / "edge-agent.yaml"
    path.write_text("camera:\n  widht: 640\n  rotation: 45\nmqtt:\n  port: 99999\n")
    done = subprocess.run(
        [sys.executable, "-m", "edge_agent", "run", "--config", str(path)],
        capture_output=True,
        text=True,
        timeout=EXIT_TIMEOUT_S,
        env={**os.environ},
        check=False,
    )
    assert done.returncode == 78
    assert f"{path}:2: camera.widht: unknown setting; did you mean 'width'?" in done.stderr
    assert f"{path}:3: camera.rotation: 45 is not allowed" in done.stderr
    assert f"{path}:5: mqtt.port: 99999 is not allowed" in done.stderr
    assert "Traceback" not in done.stderr
