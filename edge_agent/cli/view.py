"""What a person sees of the agent's topics: a live table in a terminal, or plain lines."""

from __future__ import annotations

import json
import math
import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, Protocol

EVENTS_SHOWN = 10
REFRESH_PER_S = 8
ID_DIGITS = 8
EMOTIONS = ("happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "neutral")
INTO_THE_LENS_RAD = 0.25
"""Angle to the line into the lens within which somebody looks at the camera."""
DOUBLES_WITHIN = 100
"""Events among which one that is delivered again is known as a double."""
SHOWN_KEYS = {f"emotion_{name}" for name in EMOTIONS} | {
    "face_roi", "direction", "emotion_smiling_degree", "emotion_confidence", "gaze",
    "gaze_confidence",
}  # fmt: skip

Json = dict[str, Any]


@dataclass(slots=True)
class Seen:
    """What has come in so far; filled by the MQTT client's thread, read by the screen's."""

    entities: dict[str, Json] = field(default_factory=dict)
    events: deque[Json] = field(default_factory=lambda: deque(maxlen=EVENTS_SHOWN))
    agents: dict[str, str] = field(default_factory=dict)
    event_types: Counter[str] = field(default_factory=Counter)
    event_keys: Counter[tuple[str, str]] = field(default_factory=Counter)
    people: set[str] = field(default_factory=set)
    damaged: int = 0
    _recent: deque[tuple[str, int]] = field(default_factory=lambda: deque(maxlen=DOUBLES_WITHIN))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, topic: str, payload: bytes) -> Json | None:
        """Note one message; the event, if it was a new one."""
        levels = topic.split("/")
        with self.lock:
            try:
                if levels[-1] == "status":
                    self.agents["/".join(levels[:-1])] = payload.decode()
                elif levels[-2] == "entity":
                    self._take_entity(levels[-1], payload)
                elif levels[-1] == "event":
                    return self._take_event(topic, json.loads(payload))
            except (ValueError, KeyError, TypeError, IndexError, AttributeError):
                self.damaged += 1
        return None

    def _take_entity(self, entity_id: str, payload: bytes) -> None:
        if payload:
            entity = json.loads(payload)
            if SHOWN_KEYS - entity.keys():
                raise ValueError("no snapshot of an entity")
            self.entities[entity_id] = entity
        else:
            self.entities.pop(entity_id, None)

    def _take_event(self, topic: str, event: Json) -> Json | None:
        event_line(event)  # raises where it could not be shown
        double = (topic, event["sequence"])
        if double in self._recent:
            return None
        self._recent.append(double)
        self.events.append(event)
        self.event_types[event["type"]] += 1
        self.event_keys[(event["type"], event["key"])] += 1
        self.people.add(event["entity_id"])
        return event


class Screen(Protocol):
    def event(self, event: Json) -> None: ...

    def refresh(self) -> None: ...


class PlainScreen:
    """One line per event: for pipes, logs, and boards without rich."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    def event(self, event: Json) -> None:
        print(event_line(event), flush=True)

    def refresh(self) -> None:
        """Nothing stands on the screen."""


def event_line(event: Json) -> str:
    """One event in words: when, who, what, and how sure."""
    clock = str(event["timestamp"])[11:19]
    who = str(event["entity_id"])[:ID_DIGITS]
    return f"{clock}  {who}  {event['type']:<20} {_value(event):<34} {event['confidence']:>4.0%}"


def leading_emotion(entity: Json) -> str:
    """The likeliest emotion of a snapshot, or nothing when it was not estimated."""
    if not entity["emotion_confidence"]:
        return ""
    leading = max(EMOTIONS, key=lambda name: float(entity[f"emotion_{name}"]))
    return f"{leading} {entity[f'emotion_{leading}']:.0%}"


def gaze_in_words(entity: Json) -> str:
    """Where the person of a snapshot looks, or nothing when it was not estimated."""
    return _direction(entity["gaze"]) if entity["gaze_confidence"] else ""


def _direction(gaze: list[float]) -> str:
    yaw, pitch = float(gaze[0]), float(gaze[1])
    if math.hypot(yaw, pitch) <= INTO_THE_LENS_RAD:
        return "here"
    shares = (("up", pitch), ("down", -pitch), ("right", yaw), ("left", -yaw))
    return " ".join(word for word, share in shares if share > INTO_THE_LENS_RAD / 2)


def _value(event: Json) -> str:
    key, value = str(event["key"]), event["value"]
    if event["type"] in ("appearance", "disappearance"):
        part = "face" if key == "face_roi" else "body"
        return f"{part} at {value[0]},{value[1]}, {value[2]} x {value[3]}"
    if key.startswith("emotion_"):
        return f"{key.removeprefix('emotion_')} {value:.0%}"
    if key == "gaze":
        return f"looks {_direction(value)}"
    return str(value) if key == "direction" else f"{key} {value}"
