"""edge-agent analyze: the documents of a picture or a video."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from edge_agent.agent import Pipeline, build_pipeline
from edge_agent.cli import logs
from edge_agent.cli.annotate import ClipWriter, annotated, save_image
from edge_agent.cli.options import add_config, add_preset, settings_of
from edge_agent.cli.progress import Progress
from edge_agent.devices import clock
from edge_agent.devices.cameras.replay import VideoFile
from edge_agent.devices.images import IMAGE_ENDINGS, Image, read_image
from edge_agent.domain.entity import Entity, SceneState
from edge_agent.domain.errors import InputError, OutputError
from edge_agent.domain.event import Event
from edge_agent.domain.frame import Frame
from edge_agent.domain.observation import FaceGeometry
from edge_agent.messages.faces import faces_document
from edge_agent.messages.payloads import Json, encoded, scene_document
from edge_agent.scene.demographics import AGE_TOLERANCE_YEARS
from edge_agent.scene.portrait import best_landmarks

Step = tuple[Frame, SceneState, tuple[Event, ...]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("input", type=Path, metavar="IMAGE|VIDEO", help="a picture or a video file")
    add_config(parser)
    add_preset(parser)
    parser.add_argument(
        "--attributes",
        choices=("expression", "all"),
        default="expression",
        help="what is printed of each face of a picture (default: %(default)s)",
    )
    parser.add_argument(
        "--save", type=Path, metavar="OUT", help="write the annotated picture or clip to this file"
    )


def run(arguments: argparse.Namespace) -> int:
    path: Path = arguments.input
    _check_paths(path, arguments.save)
    settings = settings_of(arguments, camera={"source": str(path), "pace": "fast", "loop": False})
    logs.set_up(settings.logging.level)
    if path.suffix.lower() in IMAGE_ENDINGS:
        _analyze_image(build_pipeline(settings), read_image(path), arguments)
        return 0
    with closing(VideoFile(path, settings.camera)) as video:
        _analyze_video(build_pipeline(settings), video, arguments.save)
    return 0


def _check_paths(path: Path, save: Path | None) -> None:
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder; name a picture or a video")
        if not path.exists():
            raise InputError(f"{path}: no such file")
        if save is not None and save.exists() and save.samefile(path):
            raise OutputError(f"--save {save} would overwrite the input; name another file")
    except OSError as error:  # a folder that may not be looked into, a name too long
        raise InputError(f"{error.filename}: {error.strerror}") from error


def _analyze_image(pipeline: Pipeline, pixels: Image, arguments: argparse.Namespace) -> None:
    frame = Frame(pixels, clock.now())
    faces = faces_of(pipeline, frame)
    document = faces_document(faces, frame.size, attributes=arguments.attributes == "all")
    _print(document)
    if arguments.save:
        save_image(arguments.save, annotated(pixels, faces, with_ids=False))


def faces_of(pipeline: Pipeline, frame: Frame) -> tuple[Entity, ...]:
    """The faces of a single picture, the largest first; backs of heads are none."""
    faces = []
    for detection in pipeline.detector.detect(frame):
        face = detection.face
        if face is None:
            continue
        observation = pipeline.observer.look_at(frame, face)
        age, gender = observation.age, observation.gender
        geometry = observation.geometry or FaceGeometry()
        if not geometry.shows_face:
            continue
        landmarks, sure = best_landmarks(geometry, face) or (None, 0.0)
        entity = Entity(
            entity_id=uuid4(),
            first_seen=frame.captured_at,
            dwell_s=0.0,
            attention_s=0.0,
            face=face.box,
            face_roi_confidence=face.confidence,
            landmarks=landmarks,
            landmarks_confidence=sure,
            age_years=age.years if age else None,
            age_confidence=age.probability_within(AGE_TOLERANCE_YEARS) if age else 0.0,
            gender=gender.gender if gender else None,
            gender_confidence=gender.confidence if gender else 0.0,
            expression=observation.expression,
            head=geometry.head,
            head_confidence=geometry.head_confidence,
            gaze=geometry.gaze,
            gaze_confidence=geometry.gaze_confidence,
            eyes_open=geometry.eyes_open,
        )
        faces.append(entity)
    return tuple(sorted(faces, key=lambda entity: -(entity.face.area if entity.face else 0.0)))


def _analyze_video(pipeline: Pipeline, video: VideoFile, save: Path | None) -> None:
    with ExitStack() as stack:
        progress = stack.enter_context(Progress(video.length, "frames"))
        clip = stack.enter_context(ClipWriter(save, video.frame_rate)) if save else None
        for count, (frame, state, events) in enumerate(steps(pipeline, video), start=1):
            if clip is not None:
                clip.write(annotated(frame.pixels, state.present, with_ids=True))
            _print(scene_document(state, events, frame.size))
            progress.at(count)


def steps(pipeline: Pipeline, video: VideoFile) -> Iterator[Step]:
    """Each frame with its scene; with the last one the visits of all who are in view end."""
    previous: Step | None = None
    while (frame := video.read()) is not None:
        if previous is not None:
            yield previous
        previous = (frame, *pipeline.step(frame))
    if previous is not None:
        frame, state, events = previous
        closed, endings = pipeline.scene.close(frame.captured_at)
        gone = state.gone | closed.gone
        yield frame, replace(state, gone=gone), (*events, *endings)


def _print(document: Json) -> None:
    sys.stdout.write(encoded(document).decode() + "\n")
