"""The typed sections of the configuration: ranges, units and defaults. No file is read here."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    WithJsonSchema,
    model_validator,
)

from edge_agent.domain.event import EventType
from edge_agent.presets import CameraPosition, with_preset


def _topic_level(value: str) -> str:
    if not value or any(character in value for character in "+#/\x00") or value.startswith("$"):
        raise ValueError(
            "one level of an MQTT topic: not empty, without '/', '+', '#' or leading '$'"
        )
    return value


def _topic_path(value: str) -> str:
    for level in value.split("/"):
        _topic_level(level)
    return value


def _text(value: Any) -> Any:
    """YAML reads `0` and `5` as numbers where a person means the text."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return str(value) if is_number else value


def _host_name() -> str:
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in socket.gethostname()) or "agent"


TopicLevel = Annotated[str, AfterValidator(_topic_level)]
TopicPath = Annotated[str, AfterValidator(_topic_path)]
Unit = Annotated[float, Field(ge=0.0, le=1.0)]
Source = Annotated[str, BeforeValidator(_text), WithJsonSchema({"type": ["string", "integer"]})]
ProtocolVersion = Annotated[
    Literal["5", "3.1.1"],
    BeforeValidator(_text),
    WithJsonSchema({"enum": ["5", "3.1.1", 5]}),
]


class Section(BaseModel):
    """A part of the configuration: unknown keys are errors, and nothing changes once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_default(cls, values: Any) -> Any:
        """`camera:` with nothing but comments below it."""
        return {} if values is None else values


class PicameraSettings(Section):
    """A camera on a Raspberry Pi's own connector, used where `source` is `picamera`."""

    number: int = Field(default=0, ge=0, le=15)
    """Which of several cameras, as `rpicam-hello --list-cameras` counts them."""
    lores_long_side: int = Field(default=640, ge=96, le=1920, multiple_of=32)
    """Long side in pixels of the second, small stream in which people are looked for."""
    exposure_time_us: int | None = Field(default=None, ge=1, le=10_000_000)
    """Fixed exposure time in microseconds; without it automatic."""
    analogue_gain: float | None = Field(default=None, ge=1.0, le=64.0)
    """Fixed gain of the sensor; without it automatic."""
    exposure_value: float = Field(default=0.0, ge=-8.0, le=8.0)
    """Stops by which the automatic exposure is made brighter or darker."""
    white_balance: Literal[
        "auto", "incandescent", "tungsten", "fluorescent", "indoor", "daylight", "cloudy"
    ] = "auto"
    """The light in which white is white."""
    autofocus: Literal["continuous", "once", "fixed"] = "continuous"
    """How a lens that can be moved is focused; others take no notice."""
    lens_position: float | None = Field(default=None, ge=0.0, le=32.0)
    """Fixed focus in dioptres (1 / metres) where `autofocus` is `fixed`."""
    horizontal_flip: bool = False
    """Whether the sensor's picture is mirrored left to right."""
    vertical_flip: bool = False
    """Whether the sensor's picture is turned upside down; with both it is rotated by 180."""


class CameraSettings(Section):
    """Where the frames come from."""

    name: TopicLevel = "camera"
    """How the camera is called in topics and documents."""
    source: Source = "0"
    """`picamera`, a V4L2 device (`0`, `/dev/video0`), a video file, or a folder of images."""
    width: int = Field(default=640, ge=16, le=8192)
    """Pixels of width asked of a camera; it may deliver others. Files are taken as they are."""
    height: int = Field(default=480, ge=16, le=8192)
    """Pixels of height asked of a camera; it may deliver others. Files are taken as they are."""
    frame_rate: float = Field(default=15.0, gt=0.0, le=240.0)
    """Frames per second asked of a camera; the pace at which a folder of images is shown."""
    rotation: Literal[0, 90, 180, 270] = 0
    """Degrees clockwise by which each frame is turned before anything looks at it."""
    pace: Literal["real_time", "fast"] = "real_time"
    """Whether a file is played at its own pace or as fast as it can be worked through."""
    loop: bool = False
    """Whether a file starts over at its end; else the agent stops there."""
    timeout_s: float = Field(default=5.0, gt=0.0, le=120.0)
    """Seconds without a frame after which a camera counts as lost and is opened anew."""
    picamera: PicameraSettings = PicameraSettings()


class DetectionSettings(Section):
    """How people and faces are found."""

    input_long_side: int = Field(default=320, ge=96, le=1920, multiple_of=32)
    """Long side in pixels of the image that the detector sees; more finds smaller people."""
    threshold: Unit = 0.5
    """The probability from which on a found face or body counts."""
    leading_part: Literal["face", "body"] = "face"
    """Which part of a person is looked for on the whole frame each time."""


class AttributeSettings(Section):
    """What is estimated of a person; what is off is not published, and computed only where what is
    on needs it. The points of a face are told like its box."""

    expression: bool = True
    """Emotions and smile."""
    age: bool = True
    """Age in years."""
    gender: bool = True
    """Gender as it appears, female or male."""
    head: bool = True
    """Where the head points: yaw, pitch and roll."""
    gaze: bool = True
    """Where the eyes look, and whether they are open; attention and focus follow from it."""

    @property
    def of_faces(self) -> bool:
        """Whether anything is read off a face; its points then are, to align the crops."""
        return self.expression or self.age or self.gender or self.head or self.gaze


class TrackingSettings(Section):
    """How detections become tracks."""

    max_people: int = Field(default=64, ge=1, le=1000)
    """Tracks kept at once; beyond it the weakest are dropped."""
    memory_s: float = Field(default=10.0, gt=0.0, le=600.0)
    """Seconds for which a person who is out of sight can still be recognised by their path."""


class SensitivitySettings(Section):
    """How soon and how readily each type of event is reported; 0 turns it off."""

    appearance: Unit = 0.7
    """A new person is in view."""
    disappearance: Unit = 0.7
    """That person has gone."""
    age_estimated: Unit = 0.4
    """The estimate of the age has settled."""
    gender_estimated: Unit = 0.5
    """The estimate of the gender has settled."""
    focus_locked: Unit = 0.9
    """The gaze rests in one direction."""
    emotion_detected: Unit = 0.4
    """An emotion above that person's own baseline."""
    direction_estimated: Unit = 0.8
    """The person was in view for long enough to tell where they go."""

    def of(self, event_type: EventType) -> float:
        value: float = getattr(self, event_type.value)
        return value


class SceneSettings(Section):
    """How tracks and observations become entities and events."""

    occlusion_s: float = Field(default=2.0, ge=0.0, le=60.0)
    """Seconds a person may be out of sight without having left."""
    smoothing_s: float = Field(default=0.5, ge=0.0, le=10.0)
    """Time constant of the smoothing of what the entities show."""
    attention_cone_rad: float = Field(default=0.35, gt=0.0, le=1.57)
    """Half angle around the line into the lens within which a person pays attention."""
    sensitivity: SensitivitySettings = SensitivitySettings()


class TlsSettings(Section):
    """An encrypted connection to the broker."""

    enabled: bool = False
    """Whether the connection is encrypted; the port is then mostly 8883."""
    ca_file: Path | None = None
    """Certificates to trust; without it those of the system."""
    certificate_file: Path | None = None
    """The agent's own certificate, where the broker asks for one."""
    key_file: Path | None = None
    """The key of the agent's own certificate."""


class OutboxSettings(Section):
    """Events that wait on disk for the broker."""

    directory: Path | None = None
    """Where they wait; without it in the state directory of the service, or of the user."""
    max_events: int = Field(default=10_000, ge=1, le=10_000_000)
    """Beyond this many the oldest are dropped, counted and said."""
    max_bytes: int = Field(default=16_000_000, ge=4_096)
    """Beyond this size the oldest are dropped, counted and said."""


class MqttSettings(Section):
    """Where the documents go."""

    host: str = Field(default="localhost", min_length=1)
    """Name or address of the broker."""
    port: int = Field(default=1883, ge=1, le=65535)
    """Port of the broker; mostly 8883 where `tls` is enabled."""
    protocol: ProtocolVersion = "5"
    """MQTT version to begin with; a broker without version 5 is spoken to in 3.1.1."""
    client_id: str | None = None
    """The name under which the broker knows the agent; without it made of device and camera."""
    username: str | None = None
    """As whom the agent signs in; without it anonymously."""
    password: SecretStr | None = None
    """Better kept out of this file: `password_file`, or `!env NAME` / `!credential NAME` here."""
    password_file: Path | None = None
    """A file that holds the password and nothing else."""
    keepalive_s: int = Field(default=30, ge=5, le=3600)
    """Seconds of silence after which agent and broker assure each other that they are there."""
    base_topic: TopicPath = "edge_agent"
    """The beginning of every topic; the device id follows."""
    scene_interval_s: float = Field(default=1.0, gt=0.0, le=3600.0)
    """Seconds between scene documents while nothing happens; with every event one is sent too."""
    tls: TlsSettings = TlsSettings()
    outbox: OutboxSettings = OutboxSettings()


class ModelSettings(Section):
    """Which models run, and how."""

    directory: Path | None = None
    """A folder with a `manifest.yaml`; without it the models that came with the agent."""
    people: str = "people"
    """Name in the manifest, or path of a .tflite file, of the detector."""
    expression: str = "expression"
    """Name in the manifest, or path of a .tflite file, of the expression model."""
    demographics: str = "demographics"
    """Name in the manifest, or path of a .tflite file, of the model of age and gender."""
    face_geometry: str = "face_geometry"
    """Name in the manifest, or path of a .tflite file, of the model of points, head and gaze."""
    threads: int = Field(default=1, ge=1, le=16)
    """Threads of each model; for models this small more than one is often slower."""


class LoggingSettings(Section):
    """What the agent says to the journal or the terminal."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least weight of what is said."""


class Settings(Section):
    """The whole configuration file."""

    device_id: TopicLevel = Field(default_factory=_host_name)
    """Names this board in topics and documents; without it the host name."""
    camera_position: CameraPosition = CameraPosition.FACING
    """`facing`: at human height, faces are large. `ceiling`: high up, people are small."""
    camera: CameraSettings = CameraSettings()
    detection: DetectionSettings = DetectionSettings()
    attributes: AttributeSettings = AttributeSettings()
    tracking: TrackingSettings = TrackingSettings()
    scene: SceneSettings = SceneSettings()
    mqtt: MqttSettings = MqttSettings()
    models: ModelSettings = ModelSettings()
    logging: LoggingSettings = LoggingSettings()

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Settings:
        """Settings of a parsed configuration, over the preset that it names.

        Raises pydantic's ValidationError with every fault at once.
        """
        try:
            position = CameraPosition(document.get("camera_position", CameraPosition.FACING))
        except ValueError:
            return cls.model_validate(document)
        return cls.model_validate(with_preset(document, position))
