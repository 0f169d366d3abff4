"""The floor plan: builds the parts from the settings, starts and stops them, and owns the loop."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge_agent import __version__
from edge_agent.devices.broker import Broker, BrokerState, Session
from edge_agent.devices.cameras import is_recording, open_camera, verify
from edge_agent.devices.config_file import password_of
from edge_agent.devices.feed import CameraState, NewestFrame
from edge_agent.devices.manifest import Task, find_model
from edge_agent.devices.mqtt_client import tls_context
from edge_agent.devices.outbox import Limits, Outbox
from edge_agent.devices.systemd import Notifier
from edge_agent.devices.tflite import TfliteEngine
from edge_agent.domain.detection import Detection
from edge_agent.domain.entity import SceneState
from edge_agent.domain.errors import AgentError
from edge_agent.domain.event import Event
from edge_agent.domain.frame import Frame, Instant
from edge_agent.domain.geometry import Size
from edge_agent.domain.message import Message
from edge_agent.messages.composer import OFFLINE, ONLINE, Composer, status_message
from edge_agent.messages.topics import Topics
from edge_agent.perception.demographics import DemographicsReader
from edge_agent.perception.expression import ExpressionReader
from edge_agent.perception.face_geometry import FaceGeometryReader
from edge_agent.perception.observer import Observer
from edge_agent.perception.people import PeopleDetector
from edge_agent.scene.scene import Scene
from edge_agent.settings import OutboxSettings, Settings
from edge_agent.tracking.tracker import Tracker

log = logging.getLogger(__name__)

FRAME_WAIT_S = 0.25
"""How long the loop waits for a frame before it looks whether it is to stop."""
STATUS_INTERVAL_S = 5.0
READY_AFTER_S = 5.0
"""How long a camera may take to open until the service counts as started without it."""
STUCK_AFTER_S = 30.0
"""How long a camera's driver may take beyond the camera's own timeout, before the agent gives up
for the service manager to start it anew."""
CAMERA_STOP_S, CAMERA_RELEASE_S = 0.3, 3.0
"""How long the camera's thread is waited for at the end, and before the camera is opened anew."""
BROKER_STOP_S = 1.0
"""How long the broker has to take what waits; with the above a stop stays below 2 s."""


class Detector(Protocol):
    def detect(self, frame: Frame) -> tuple[Detection, ...]: ...


class Publisher(Protocol):
    """What the loop needs of a broker."""

    state: BrokerState

    def start(self) -> None: ...

    def publish(self, message: Message) -> None: ...

    def stop(self, timeout_s: float) -> None: ...

    @property
    def trouble(self) -> str: ...


@dataclass(slots=True)
class Pipeline:
    """From a frame to the scene; the same for the daemon and for `edge-agent analyze`."""

    detector: Detector
    tracker: Tracker
    observer: Observer
    scene: Scene

    def step(self, frame: Frame) -> tuple[SceneState, tuple[Event, ...]]:
        tracks = self.tracker.update(self.detector.detect(frame), frame.captured_at, frame.size)
        observations = self.observer.observe(frame, tracks)
        return self.scene.advance(tracks, observations, frame.captured_at, frame.size)


@dataclass(slots=True)
class Summary:
    """What a run came to."""

    frames: int = 0
    seconds: float = 0.0
    events: int = 0

    def __str__(self) -> str:
        rate = self.frames / self.seconds if self.seconds > 0 else 0.0
        return (
            f"{self.frames} frames in {self.seconds:.1f} s ({rate:.1f} a second), "
            f"{self.events} events"
        )


class Agent:
    """The daemon: reads the feed, works each frame through, publishes what comes of it.

    `reread` is called at a reload: it prepares what the configuration says now, or raises
    AgentError, and then everything stays as it is.
    """

    def __init__(
        self,
        feed: NewestFrame,
        pipeline: Pipeline,
        composer: Composer,
        broker: Publisher,
        notifier: Notifier,
        *,
        outbox: Outbox | None = None,
        reread: Callable[[], None] | None = None,
    ) -> None:
        self._feed = feed
        self._pipeline = pipeline
        self._composer = composer
        self._broker = broker
        self._notifier = notifier
        self._outbox = outbox
        self._reread = reread
        self._stopping = threading.Event()
        self._reload_asked = threading.Event()
        self._last_view: tuple[Instant, Size] | None = None
        self._in_view = 0
        self._is_ready = False
        self._remark = ""
        self._status_said: tuple[float, int, object] = (float("-inf"), 0, None)
        self.summary = Summary()
        self.is_to_reload = False
        """Whether the run ended for a new agent to take over, as the configuration says now."""

    def stop(self) -> None:
        """Ask the loop to end; safe in a signal handler."""
        self._stopping.set()

    def reload(self) -> None:
        """Ask the loop to read the configuration anew; safe in a signal handler."""
        self._reload_asked.set()

    def run(self) -> Summary:
        """Work until stopped or until a recording ends; raises what the camera's thread raised."""
        started_s = time.monotonic()
        self._broker.start()
        self._feed.start()
        try:
            while not self._stopping.is_set() and not self._takes_reload():
                frame = self._feed.next(FRAME_WAIT_S)
                if frame is not None:
                    self._work(frame)
                elif self._feed.has_ended:
                    break
                elif self._feed.is_lost:
                    self._end_visits()
                self._notifier.pat()
                self._say_status()
                self._say_ready(time.monotonic() - started_s)
        finally:
            self._wind_up()
            self.summary.seconds = time.monotonic() - started_s
        return self.summary

    def _wind_up(self) -> None:
        if not self.is_to_reload:
            self._notifier.stopping()
        self._end_visits()
        self._feed.stop(CAMERA_RELEASE_S if self.is_to_reload else CAMERA_STOP_S)
        self._broker.stop(BROKER_STOP_S)
        if self._outbox is not None:
            self._outbox.close()

    def _takes_reload(self) -> bool:
        """Whether a new configuration was asked for and is ready to take over."""
        if not self._reload_asked.is_set() or self._reread is None:
            return False
        self._reload_asked.clear()
        self._notifier.reloading()
        try:
            self._reread()
        except AgentError as error:
            self._refuse_reload(str(error).splitlines())
            return False
        self.is_to_reload = True
        return True

    def _refuse_reload(self, faults: Sequence[str]) -> None:
        for fault in faults:
            log.error("%s", fault)
        log.error("the new configuration is refused; the agent goes on as before")
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        self._remark = f"; reload refused, going on as before: {faults[0]}{more}"
        self._status_said = (float("-inf"), 0, None)
        self._say_status()
        self._notifier.ready()

    def _work(self, frame: Frame) -> None:
        self._last_view = frame.captured_at, frame.size
        state, events = self._pipeline.step(frame)
        self.summary.frames += 1
        self._in_view = len(state.present)
        self._publish(state, events, frame.size)

    def _end_visits(self) -> None:
        """Nobody can be seen any more: those who were in view have gone, as far as we know."""
        if self._last_view is not None:
            captured_at, size = self._last_view
            self._publish(*self._pipeline.scene.close(captured_at), size)
            self._last_view = None
            self._in_view = 0

    def _publish(self, state: SceneState, events: tuple[Event, ...], size: Size) -> None:
        self.summary.events += len(events)
        for event in events:
            log.debug("%s %s %.2f", event.entity_id, event.type.value, event.confidence)
        for message in self._composer.compose(state, events, size):
            self._broker.publish(message)

    def _say_ready(self, waited_s: float) -> None:
        """Once: when the camera delivers, or when it is clear that it is still missing."""
        if self._is_ready:
            return
        is_opening = self._feed.state is CameraState.OPENING
        if not is_opening or waited_s > READY_AFTER_S:
            self._is_ready = True
            self._notifier.ready()

    def _say_status(self) -> None:
        """When something has changed with camera or broker, and every few seconds."""
        now_s = time.monotonic()
        said_s, frames, states_said = self._status_said
        states = (self._feed.state, self._broker.state)
        if states != states_said or now_s - said_s >= STATUS_INTERVAL_S:
            rate = (self.summary.frames - frames) / max(now_s - said_s, 0.001)
            self._status_said = (now_s, self.summary.frames, states)
            self._notifier.status(self._camera_status(rate) + self._broker_status() + self._remark)

    def _camera_status(self, rate: float) -> str:
        if self._feed.state is not CameraState.DELIVERING:
            return f"waiting for the camera: {self._feed.trouble or 'it is being opened'}"
        people = "1 person" if self._in_view == 1 else f"{self._in_view} people"
        pace = f"{rate:.1f} frames/s, " if rate else ""
        return f"watching: {pace}{people} in view, {self.summary.events} events"

    def _broker_status(self) -> str:
        if self._broker.state is BrokerState.CONNECTED:
            return ""
        waiting = "" if self._outbox is None else f", {len(self._outbox)} events wait"
        trouble = self._broker.trouble or "it is being connected to"
        return f"; waiting for the broker: {trouble}{waiting}"


@dataclass(frozen=True, slots=True)
class Prepared:
    """All of a configuration that can be wrong, found to be right."""

    settings: Settings
    pipeline: Pipeline
    password: str | None


def prepare(settings: Settings) -> Prepared:
    """What an agent needs before it starts; raises AgentError where something cannot be had."""
    verify(settings.camera)
    tls_context(settings.mqtt.tls)
    return Prepared(settings, build_pipeline(settings), password_of(settings.mqtt))


def build_pipeline(settings: Settings) -> Pipeline:
    """The models loaded and the rooms made; raises ModelError where a model cannot be used."""
    models, attributes = settings.models, settings.attributes

    def engine(name: str, task: Task) -> TfliteEngine:
        return TfliteEngine(find_model(name, models.directory, task), models.threads)

    return Pipeline(
        detector=PeopleDetector(engine(models.people, "people"), settings.detection),
        tracker=Tracker(settings.tracking),
        observer=Observer(
            ExpressionReader(engine(models.expression, "expression"))
            if attributes.expression
            else None,
            DemographicsReader(
                engine(models.demographics, "demographics"),
                age=attributes.age,
                gender=attributes.gender,
            )
            if attributes.age or attributes.gender
            else None,
            FaceGeometryReader(engine(models.face_geometry, "face_geometry"))
            if attributes.of_faces
            else None,
            head=attributes.head,
            gaze=attributes.gaze,
        ),
        scene=Scene(settings.scene),
    )


def build(
    prepared: Prepared,
    notifier: Notifier | None = None,
    reread: Callable[[], None] | None = None,
) -> Agent:
    """The whole agent, ready to run."""
    settings = prepared.settings
    topics = Topics(settings.mqtt.base_topic, settings.device_id, settings.camera.name)
    outbox = _outbox(settings.mqtt.outbox, f"{settings.device_id}-{settings.camera.name}")
    log.info("edge-agent %s: camera %s, %s", __version__, settings.camera.source, topics.event)
    is_live = not is_recording(settings.camera)
    return Agent(
        feed=NewestFrame(
            lambda: open_camera(settings.camera),
            timeout_s=settings.camera.timeout_s,
            stuck_after_s=settings.camera.timeout_s + STUCK_AFTER_S if is_live else None,
            lossless=not is_live and settings.camera.pace == "fast",
        ),
        pipeline=prepared.pipeline,
        composer=Composer(
            topics,
            interval_s=settings.mqtt.scene_interval_s,
            first_sequence=outbox.last_sequence + 1,
        ),
        broker=Broker(
            settings.mqtt,
            Session(
                client_id=settings.mqtt.client_id
                or f"edge-agent-{settings.device_id}-{settings.camera.name}",
                birth=status_message(topics, ONLINE),
                will=status_message(topics, OFFLINE),
                owned=topics.entities,
            ),
            outbox,
            password=prepared.password,
        ),
        notifier=notifier or Notifier(),
        outbox=outbox,
        reread=reread,
    )


def _outbox(settings: OutboxSettings, name: str) -> Outbox:
    """On disk where that can be written, else in memory, which is said."""
    limits = Limits(settings.max_events, settings.max_bytes)
    file = (settings.directory or _state_folder()) / f"{name}.outbox"
    try:
        return Outbox(file, limits)
    except (OSError, sqlite3.Error) as error:
        log.warning(
            "events wait in memory only and are lost when the agent stops: %s cannot be used "
            "(%s); set mqtt.outbox.directory",
            file,
            error,
        )
        return Outbox(None, limits)


def _state_folder() -> Path:
    """That of the service, else that of the user (XDG base directories)."""
    named = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "edge-agent"
