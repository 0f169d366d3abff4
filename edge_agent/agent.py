"""The floor plan: builds the parts from the settings, starts and stops them, and owns the loop."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge_agent import __version__
from edge_agent.devices.broker import Broker, BrokerState, Session
from edge_agent.devices.cameras import is_recording, open_camera
from edge_agent.devices.config_file import password_of
from edge_agent.devices.feed import NewestFrame
from edge_agent.devices.manifest import find_model
from edge_agent.devices.outbox import Limits, Outbox
from edge_agent.devices.systemd import Notifier
from edge_agent.devices.tflite import TfliteEngine
from edge_agent.domain.detection import Detection
from edge_agent.domain.entity import SceneState
from edge_agent.domain.event import Event
from edge_agent.domain.frame import Frame, Instant
from edge_agent.domain.geometry import Size
from edge_agent.domain.message import Message
from edge_agent.messages.composer import OFFLINE, ONLINE, Composer, status_message
from edge_agent.messages.topics import Topics
from edge_agent.perception.expression import ExpressionReader
from edge_agent.perception.observer import Observer
from edge_agent.perception.people import PeopleDetector
from edge_agent.scene.scene import Scene
from edge_agent.settings import OutboxSettings, Settings
from edge_agent.tracking.tracker import Tracker

log = logging.getLogger(__name__)

FRAME_WAIT_S = 0.25
"""How long the loop waits for a frame before it looks whether it is to stop."""
STATUS_INTERVAL_S = 5.0


class Detector(Protocol):
    def detect(self, frame: Frame) -> tuple[Detection, ...]: ...


class Publisher(Protocol):
    """What the loop needs of a broker."""

    state: BrokerState

    def start(self) -> None: ...

    def publish(self, message: Message) -> None: ...

    def stop(self) -> None: ...


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
    """The daemon: reads the feed, works each frame through, publishes what comes of it."""

    def __init__(
        self,
        feed: NewestFrame,
        pipeline: Pipeline,
        composer: Composer,
        broker: Publisher,
        notifier: Notifier,
    ) -> None:
        self._feed = feed
        self._pipeline = pipeline
        self._composer = composer
        self._broker = broker
        self._notifier = notifier
        self._stopping = threading.Event()
        self._last_view: tuple[Instant, Size] | None = None
        self._status_said_s = float("-inf")
        self.summary = Summary()

    def stop(self) -> None:
        """Ask the loop to end; safe in a signal handler."""
        self._stopping.set()

    def run(self) -> Summary:
        """Work until stopped or until a recording ends; raises what the camera's thread raised."""
        started_s = time.monotonic()
        self._broker.start()
        self._feed.start()
        self._notifier.ready()
        try:
            while not self._stopping.is_set():
                frame = self._feed.next(FRAME_WAIT_S)
                if frame is not None:
                    self._work(frame)
                elif self._feed.has_ended:
                    break
                elif self._feed.is_lost:
                    self._end_visits()
                self._notifier.pat()
                self._say_status()
        finally:
            self._notifier.stopping()
            self._end_visits()
            self._feed.stop()
            self._broker.stop()
            self.summary.seconds = time.monotonic() - started_s
        return self.summary

    def _work(self, frame: Frame) -> None:
        self._last_view = frame.captured_at, frame.size
        state, events = self._pipeline.step(frame)
        self.summary.frames += 1
        self._publish(state, events, frame.size)

    def _end_visits(self) -> None:
        """Nobody can be seen any more: those who were in view have gone, as far as we know."""
        if self._last_view is not None:
            captured_at, size = self._last_view
            self._publish(*self._pipeline.scene.close(captured_at), size)
            self._last_view = None

    def _publish(self, state: SceneState, events: tuple[Event, ...], size: Size) -> None:
        self.summary.events += len(events)
        for event in events:
            log.debug("%s %s %.2f", event.entity_id, event.type.value, event.confidence)
        for message in self._composer.compose(state, events, size):
            self._broker.publish(message)

    def _say_status(self) -> None:
        now_s = time.monotonic()
        if now_s - self._status_said_s >= STATUS_INTERVAL_S:
            self._status_said_s = now_s
            self._notifier.status(
                f"camera {self._feed.state.value}, broker {self._broker.state.value}, "
                f"{self.summary.frames} frames, {self.summary.events} events, "
                f"{self._feed.dropped} frames dropped"
            )


def build_pipeline(settings: Settings) -> Pipeline:
    """The models loaded and the rooms made; raises ModelError where a model cannot be used."""
    models, attributes = settings.models, settings.attributes

    def engine(name: str) -> TfliteEngine:
        return TfliteEngine(find_model(name, models.directory), models.threads)

    return Pipeline(
        detector=PeopleDetector(engine(models.people), settings.detection),
        tracker=Tracker(settings.tracking),
        observer=Observer(
            ExpressionReader(engine(models.expression)) if attributes.expression else None
        ),
        scene=Scene(settings.scene),
    )


def build(settings: Settings) -> Agent:
    """The whole agent; raises AgentError where it cannot be built as configured."""
    topics = Topics(settings.mqtt.base_topic, settings.device_id, settings.camera.name)
    pipeline = build_pipeline(settings)
    outbox = _outbox(settings.mqtt.outbox, f"{settings.device_id}-{settings.camera.name}")
    log.info("edge-agent %s: camera %s, %s", __version__, settings.camera.source, topics.event)
    if is_recording(settings.camera):
        # A file that is not there never comes: better said before anything starts.
        open_camera(settings.camera).close()
    return Agent(
        feed=NewestFrame(
            lambda: open_camera(settings.camera),
            timeout_s=settings.camera.timeout_s,
            lossless=is_recording(settings.camera) and settings.camera.pace == "fast",
        ),
        pipeline=pipeline,
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
            password=password_of(settings.mqtt),
        ),
        notifier=Notifier(),
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
