"""edge-agent analyze on what people may hand it: statuses, documents, messages."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge_agent.agent import Pipeline
from edge_agent.cli import main
from edge_agent.cli.analyze import faces_of
from edge_agent.cli.clip import RATE, TOTAL_S, make_clip
from edge_agent.domain.detection import Detection
from edge_agent.domain.frame import Frame
from edge_agent.scene.scene import Scene
from edge_agent.settings import SceneSettings, TrackingSettings
from edge_agent.tracking.tracker import Tracker
from tests.contract import check
from tests.perception.test_observer import FACE, NOW, PICTURE, Engines

REPOSITORY = Path(__file__).resolve().parents[2]
NO_CONFIG = ("-c", "/dev/null")


@pytest.fixture(scope="session")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demonstration's clip: someone comes in, stays, and leaves."""
    pytest.importorskip("skimage")
    path = tmp_path_factory.mktemp("clip") / "visit.avi"
    make_clip(path)
    return path


@pytest.fixture(scope="session")
def portrait(visit: Path) -> Path:
    """The moment at which the person stands before the camera."""
    capture = cv2.VideoCapture(str(visit))
    capture.set(cv2.CAP_PROP_POS_FRAMES, 5 * RATE)
    was_read, image = capture.read()
    capture.release()
    assert was_read
    path = visit.with_name("portrait.png")
    cv2.imwrite(str(path), image)
    return path


@pytest.fixture
def wall(tmp_path: Path) -> Path:
    path = tmp_path / "wall.png"
    cv2.imwrite(str(path), np.full((48, 64, 3), 128, np.uint8))
    return path


def analyze(*arguments: object) -> int:
    return main(["analyze", *NO_CONFIG, *map(str, arguments)])


def documents(captured: str) -> list[Any]:
    return [json.loads(line) for line in captured.splitlines()]


def test_portrait_gives_one_smiling_face(
    portrait: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert analyze(portrait) == 0
    (document,) = documents(capsys.readouterr().out)
    check("faces", document)
    assert document["input_size"] == [640, 480]
    assert document["nb_faces"] == 1
    face = document["faces"][0]
    named = ("neutral", "happiness", "surprise", "anger", "sadness")
    assert max(named, key=lambda name: float(face[name])) == "happiness"
    assert "head" not in face


def test_all_attributes_are_added_when_asked_for(
    portrait: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert analyze(portrait, "--attributes", "all") == 0
    (document,) = documents(capsys.readouterr().out)
    check("faces", document)
    assert {"age", "gender", "face_eye", "face_nose", "face_mouth", "head", "gaze"} <= set(
        document["faces"][0]
    )


def test_picture_without_a_face_has_none(wall: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert analyze(wall) == 0
    (document,) = documents(capsys.readouterr().out)
    check("faces", document)
    assert document == {"input_size": [64, 48], "nb_faces": 0, "faces": []}


class OneFace:
    def detect(self, frame: Frame) -> tuple[Detection, ...]:
        return (Detection(face=FACE),)


@pytest.mark.parametrize(("visible_logit", "faces"), [(8.0, 1), (-4.0, 0)])
def test_the_back_of_a_head_is_no_face(visible_logit: float, faces: int) -> None:
    observer = Engines(visible_logit=visible_logit).observer()
    pipeline = Pipeline(OneFace(), Tracker(TrackingSettings()), observer, Scene(SceneSettings()))
    assert len(faces_of(pipeline, Frame(PICTURE, NOW))) == faces


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (40, 30, 4)])
def test_pictures_of_odd_shapes_are_pictures(
    shape: tuple[int, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "odd.png"
    cv2.imwrite(str(path), np.full(shape, 90, np.uint16))
    assert analyze(path) == 0
    (document,) = documents(capsys.readouterr().out)
    assert document["input_size"] == [shape[1], shape[0]]


def test_video_gives_a_scene_for_each_frame_and_the_whole_visit(
    visit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "annotated.avi"
    assert analyze(visit, "--save", out) == 0
    scenes = documents(capsys.readouterr().out)
    assert len(scenes) == round(TOTAL_S * RATE)
    told = []
    for scene in scenes:
        check("scene", scene)
        for event in scene["events"]:
            assert event["key"] in scene["entities"][event["entity_id"]]
            told.append((event["type"], event["entity_id"]))
    times = [scene["timestamp"] for scene in scenes]
    assert times == sorted(set(times))
    assert [kind for kind, _ in told].count("appearance") == 1
    assert told[0][0] == "appearance"
    assert told[-1][0] == "disappearance"
    assert len({who for _, who in told}) == 1
    assert scenes[-1]["entities"] == {}
    capture = cv2.VideoCapture(str(out))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == len(scenes)
    capture.release()


def test_annotated_picture_shows_the_face(
    portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.png"
    assert analyze(portrait, "--save", out) == 0
    (document,) = documents(capsys.readouterr().out)
    x, y, width, height = document["faces"][0]["roi"]
    changed = (cv2.imread(str(out)) != cv2.imread(str(portrait))).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert columns.min() <= x + 3
    assert columns.max() >= x + width - 3
    assert rows.max() >= y + height - 3


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [
        ("nowhere.png", None, 66),
        ("nowhere.mp4", None, 66),
        ("empty.jpg", b"", 66),
        ("text.jpg", b"no picture", 66),
        ("text.mp4", b"no video", 66),
        ("a" * 300 + ".png", None, 66),
    ],
)
def test_input_that_cannot_be_read_is_named(
    name: str,
    content: bytes | None,
    status: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    assert analyze(path) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert name in captured.err


def test_folder_is_named_with_what_is_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert analyze(tmp_path) == 66
    assert "is a folder; name a picture or a video" in capsys.readouterr().err


@pytest.mark.parametrize("out", ["no/such/folder/out.png", "out.unknown", "out"])
def test_picture_that_cannot_be_saved_is_analyzed_all_the_same(
    out: str, wall: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert analyze(wall, "--save", tmp_path / out) == 73
    captured = capsys.readouterr()
    assert documents(captured.out)[0]["nb_faces"] == 0
    assert f"--save {tmp_path / out} cannot be written" in captured.err


def test_clip_that_cannot_be_saved_is_said_before_the_work(
    visit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert analyze(visit, "--save", tmp_path / "no" / "folder" / "out.avi") == 73
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("through", ["itself", "link"])
def test_input_is_never_overwritten(
    through: str, wall: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = wall.read_bytes()
    out = wall
    if through == "link":
        out = tmp_path / "link.png"
        out.symlink_to(wall)
    assert analyze(wall, "--save", out) == 73
    assert "would overwrite the input" in capsys.readouterr().err
    assert wall.read_bytes() == before


def test_damaged_model_is_named(
    wall: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = tmp_path / "models"
    models.mkdir()
    for path in (REPOSITORY / "models").glob("*.*"):
        (models / path.name).write_bytes(path.read_bytes())
    (models / "people.tflite").write_bytes(b"damaged")
    config = tmp_path / "config.yaml"
    config.write_text(f"models:\n  directory: {models}\n")
    assert main(["analyze", "-c", str(config), str(wall)]) == 65
    captured = capsys.readouterr()
    assert f"{models / 'people.tflite'} is damaged" in captured.err


def test_reader_that_goes_away_and_a_full_disk_are_no_tracebacks(wall: Path) -> None:
    command = f"{sys.executable} -m edge_agent analyze -c /dev/null {wall}"
    for sink, statuses in (("| true", {0, 141}), ("> /dev/full", {74})):
        script = f"{command} {sink}; exit ${{PIPESTATUS[0]}}"
        done = subprocess.run(
            ["bash", "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=False
        )
        assert done.returncode in statuses, done.stderr
        assert "Traceback" not in done.stderr
        assert "Exception ignored" not in done.stderr
