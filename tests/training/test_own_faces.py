"""One's own pictures: a folder is read, and the shipped model learns from a handful of them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.cli import main as edge_agent
from edge_agent.devices import clock
from edge_agent.devices.manifest import find_model
from edge_agent.devices.tflite import TfliteEngine
from edge_agent.domain.errors import InputError, OutputError
from edge_agent.domain.frame import Frame
from edge_agent.domain.geometry import Box
from edge_agent.domain.observation import Emotion
from edge_agent.perception.crops import cut, grey, square_around
from edge_agent.perception.expression import ExpressionReader
from edge_agent.perception.face_geometry import FaceGeometryReader
from edge_agent.perception.observer import Observer
from edge_agent.perception.people import PeopleDetector
from edge_agent.perception.tensors import Pixels, Tensor
from edge_agent.settings import DetectionSettings
from tests.training.drawn_faces import DRAWN, draw_faces, draw_folder
from training.data import FerPlus
from training.expression import train
from training.expression.evaluate import answers
from training.expression.network import CROP_SIDE
from training.expression.own import (
    FOLDS,
    PARTS,
    Estimate,
    blended_temperature,
    folds_of,
    learn_own,
    smallest_as_good,
)
from training.expression.own_faces import OwnFaces, emotion_named, read_own_faces
from training.flat_file import activation_ranges

FACING_CLIP = "face-demographics-walking-and-pause.mp4"
PER_EMOTION = 8
OTHERS_PER_EMOTION = 15


class Recording:
    """An engine that keeps what it was shown."""

    def __init__(self, engine: TfliteEngine) -> None:
        self.input_size = engine.input_size
        self.parameters = engine.parameters
        self.resize = engine.resize
        self.shown: list[Pixels] = []
        self._engine = engine

    def infer(self, image: Pixels) -> dict[str, Tensor]:
        self.shown.append(image)
        return self._engine.infer(image)


def own_faces(emotions: list[int], people: list[str]) -> OwnFaces:
    blank = np.zeros((len(emotions), 48, 48), np.uint8)
    return OwnFaces(blank, np.array(emotions), tuple(people))


@pytest.mark.parametrize(
    ("name", "emotion"),
    [
        ("happiness", Emotion.HAPPINESS),
        ("Happy", Emotion.HAPPINESS),
        ("SAD", Emotion.SADNESS),
        ("angry", Emotion.ANGER),
        ("surprised", Emotion.SURPRISE),
        ("Disgusted", Emotion.DISGUST),
        ("fearful", Emotion.FEAR),
        ("contempt", Emotion.CONTEMPT),
        ("bored", None),
    ],
)
def test_folders_are_named_as_people_name_emotions(name: str, emotion: Emotion | None) -> None:
    assert emotion_named(name) is emotion


def test_a_folder_becomes_faces_as_the_daemon_cuts_them(tmp_path: Path) -> None:
    folder = draw_folder(tmp_path / "mine", 3, seed=1)
    (folder / "happiness").rename(folder / "Happy")
    large = cv2.resize(draw_faces(Emotion.ANGER, 1, seed=2)[0], (400, 400))
    wide = cv2.copyMakeBorder(large, 100, 140, 500, 300, cv2.BORDER_CONSTANT, value=90)
    cv2.imwrite(str(folder / "anger" / "a face in a room.jpg"), wide)
    cv2.imwrite(str(folder / "anger" / "an empty room.jpg"), np.full((300, 900), 90, np.uint8))
    (folder / "anger" / "notes.txt").write_text("not a picture")
    own = read_own_faces(folder)
    assert own.faces.shape == (3 * len(DRAWN) + 1, 48, 48)
    assert own.counts() == {emotion: 3 + (emotion is Emotion.ANGER) for emotion in own.counts()}
    assert any("an empty room.jpg" in remark for remark in own.remarks)
    assert own.faces.std((1, 2)).min() > 10


@pytest.mark.parametrize("tilt_deg", [-25, 0, 25])
def test_a_tilted_face_is_learned_in_the_crop_in_which_the_daemon_reads_it(
    tilt_deg: float, tmp_path: Path, shared_data: Path
) -> None:
    clip = cv2.VideoCapture(str(shared_data / "clips" / FACING_CLIP))
    clip.set(cv2.CAP_PROP_POS_FRAMES, 30)
    height, width = (there := clip.read()[1]).shape[:2]
    turning = cv2.getRotationMatrix2D((width / 2, height / 2), -tilt_deg, 1.0)
    frame = np.asarray(cv2.warpAffine(there, turning, (width, height)), np.uint8)
    folder = draw_folder(tmp_path / "mine", 3, seed=1)
    cv2.imwrite(str(folder / "anger" / "a tilted face.png"), frame)
    own = read_own_faces(folder)
    learned = own.faces[[Path(name).name for name in own.people].index("a tilted face.png")]

    engine = Recording(TfliteEngine(find_model("expression")))
    geometry = FaceGeometryReader(TfliteEngine(find_model("face_geometry")))
    detector = PeopleDetector(TfliteEngine(find_model("people")), DetectionSettings())
    seen = Frame(frame, clock.now())
    faces = [person.face for person in detector.detect(seen) if person.face is not None]
    face = max(faces, key=lambda one: one.box.area)
    Observer(ExpressionReader(engine), geometry=geometry).look_at(seen, face)
    assert np.array_equal(learned, engine.shown[0])
    standing = cut(frame, square_around(face.box, CROP_SIDE), 48)
    assert standing is not None
    assert np.array_equal(learned, grey(standing)) == (tilt_deg == 0)


def test_every_fault_of_a_folder_is_told_at_once(tmp_path: Path) -> None:
    folder = draw_folder(tmp_path / "mine", 3, seed=1)
    (folder / "happiness").rename(folder / "hapiness")
    (folder / "disgust").mkdir()
    (folder / "fear" / "drawn 0.png").unlink()
    (folder / "anger" / "broken.jpg").write_bytes(b"\xff\xd8 no picture")
    same = (folder / "anger" / "drawn 0.png").read_bytes()
    (folder / "sadness" / "drawn 0.png").write_bytes(same)
    with pytest.raises(InputError) as raised:
        read_own_faces(folder)
    faults = str(raised.value).splitlines()
    for part, said in {
        "hapiness": "did you mean happiness?",
        "disgust": "no pictures",
        "broken.jpg": "replace or remove",
        "drawn 0.png": "same picture",
        "fear has 2 faces": "at least 3",
        "sadness has 2 faces": "at least 3",
    }.items():
        assert any(part in fault and said in fault for fault in faults), (part, faults)
    assert len(faults) == 6


def test_a_double_is_known_by_the_sub_folder_however_deep_it_lies(tmp_path: Path) -> None:
    folder = draw_folder(tmp_path / "mine", 3, seed=1)
    anger = folder / "anger"
    (anger / "S010" / "happy end").mkdir(parents=True)
    (anger / "drawn 0.png").rename(anger / "S010" / "happy end" / "drawn 0.png")
    same = (anger / "S010" / "happy end" / "drawn 0.png").read_bytes()
    (anger / "S011.png").write_bytes(same)
    own = read_own_faces(folder)
    assert own.counts()[Emotion.ANGER] == 3
    assert any("same picture" in remark for remark in own.remarks)
    (folder / "sadness" / "S012.png").write_bytes(same)
    with pytest.raises(InputError, match=r"S012.png is the same picture as .*; keep one of them"):
        read_own_faces(folder)


def test_faults_end_the_command_with_a_status_and_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "mine.tflite"
    (tmp_path / "empty").mkdir()
    with pytest.raises(SystemExit) as raised:
        train.main(["--faces", str(tmp_path / "empty"), "--output", str(output)])
    assert raised.value.code == InputError.exit_status
    assert "at least 2 emotions" in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.parametrize("name", ["mine.onnx", "missing/mine.tflite", "edge-agent.tflite"])
def test_an_output_that_cannot_be_is_refused_before_any_work(tmp_path: Path, name: str) -> None:
    (tmp_path / "edge-agent.yaml").write_text("device_id: kitchen\n")
    with pytest.raises(OutputError):
        learn_own(tmp_path / "no folder", tmp_path / name, folds=0)
    assert (tmp_path / "edge-agent.yaml").read_text() == "device_id: kitchen\n"


def test_people_are_told_from_names_and_stay_in_one_part() -> None:
    people = [f"S{number // 4:03d}" for number in range(48)]
    own = own_faces([number % 4 for number in range(48)], people)
    part = folds_of(own, FOLDS)
    assert {part[np.array(people) == person].size for person in people} == {4}
    assert all(len(set(part[np.array(people) == person])) == 1 for person in people)
    for emotion in range(4):
        assert np.bincount(part[own.emotions == emotion]).tolist() == [4, 4, 4]


def test_one_persons_faces_are_parted_all_the_same() -> None:
    part = folds_of(own_faces([0, 0, 0, 1, 1, 1], ["me"] * 6), FOLDS)
    assert np.bincount(part[:3]).tolist() == np.bincount(part[3:]).tolist() == [1, 1, 1]
    assert folds_of(own_faces([0, 1], ["a", "b"]), 0).tolist() == [-1, -1]


@pytest.mark.parametrize(
    ("accuracies", "count", "part"),
    [
        ((0.6, 0.9, 0.92), 50, 0.5),  # one face of fifty is chance
        ((0.6, 0.9, 0.92), 5000, 0.75),
        ((0.6, 0.6, 0.5), 50, 0.25),
        ((1.0, 1.0, 1.0), 6, 0.25),
    ],
)
def test_no_more_is_changed_than_helps(
    accuracies: tuple[float, ...], count: int, part: float
) -> None:
    assert smallest_as_good(PARTS, accuracies, count) == part


def test_few_faces_do_not_move_how_sure_the_model_is() -> None:
    random = np.random.default_rng(0)

    def estimate(count: int) -> Estimate:
        emotions = random.integers(0, 8, count)
        logits = (np.eye(8)[emotions] * 9 + random.normal(0, 4, (count, 8))).astype(np.float32)
        return Estimate(own_faces(list(emotions), ["x"] * count), emotions, logits)

    assert blended_temperature(estimate(20), 0.6) == 0.6
    far = blended_temperature(estimate(4000), 0.6)
    assert 0.6 < blended_temperature(estimate(200), 0.6) < far


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped model after it has learned eight drawn faces of each emotion."""
    folder = tmp_path_factory.mktemp("own")
    drawn = draw_folder(folder / "drawn", PER_EMOTION, seed=1)
    output = folder / "my-expression.tflite"
    train.main(["--faces", str(drawn), "--output", str(output), "--folds", "2"])
    return output


@pytest.fixture(scope="module")
def other_faces(tmp_path_factory: pytest.TempPathFactory) -> FerPlus:
    folder = tmp_path_factory.mktemp("other")
    return read_own_faces(draw_folder(folder / "drawn", OTHERS_PER_EMOTION, seed=2)).voted()


def accuracy(model: str, faces: FerPlus) -> float:
    return answers(TfliteEngine(find_model(model)), faces).figures()["accuracy_plurality"]


@pytest.mark.timeout(900)
def test_a_handful_of_pictures_helps(learned: Path, other_faces: FerPlus) -> None:
    before, after = accuracy("expression", other_faces), accuracy(str(learned), other_faces)
    assert before < 0.75  # else there would be nothing to show
    assert after > 0.8
    assert after > before + 0.15


@pytest.mark.timeout(900)
def test_what_was_known_of_real_faces_stays(learned: Path, shared_data: Path) -> None:
    folder = shared_data / "ferplus"
    faces = FerPlus.read(folder / "valid.zip", folder / "valid.csv").nameable()
    some = faces.chosen(np.arange(0, len(faces.faces), 4))
    assert accuracy(str(learned), some) > accuracy("expression", some) - 0.07


@pytest.mark.timeout(900)
def test_the_daemon_takes_the_file(learned: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configuration = learned.parent / "edge-agent.yaml"
    configuration.write_text(f"models:\n  expression: {learned}\n")
    edge_agent(["check", "-c", str(configuration)])
    said = capsys.readouterr().out.splitlines()
    line = next(line for line in said if "expression" in line)
    assert line.startswith("ok")
    assert str(learned) in line
    reader = ExpressionReader(TfliteEngine(find_model(str(learned))))
    face = cv2.cvtColor(draw_faces(Emotion.SADNESS, 1, seed=3)[0], cv2.COLOR_GRAY2BGR)
    read, trust = reader.read(face, Box(16, 10, 64, 80))
    assert read is not None
    assert 0 < read.confidence <= 1
    assert trust > 0
    assert find_model(str(learned)).entry.data.endswith("own faces")
    assert find_model(str(learned)).entry.figures["accuracy"] > 0.7


@pytest.mark.timeout(900)
def test_activations_may_reach_as_far_as_real_faces_drive_them(learned: Path) -> None:
    known = dict(activation_ranges(find_model("expression").path))
    reached = dict(activation_ranges(learned))
    assert reached.keys() == known.keys()
    for name, (low, high) in known.items():
        step = (high - low) / 255
        assert reached[name][0] <= low + step, name
        assert reached[name][1] >= high - step, name
