"""What a person sees of the agent's topics: a live table in a terminal, or plain lines."""

from __future__ import annotations

import json
import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, Protocol

EVENTS_SHOWN = 10
REFRESH_PER_S = 8
ID_DIGITS = 8
EMOTIONS = ("happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "neutral")

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
                    return self._take_event(json.loads(payload))
            except (ValueError, KeyError, TypeError, IndexError):
                self.damaged += 1
        return None

    def _take_entity(self, entity_id: str, payload: bytes) -> None:
        if payload:
            self.entities[entity_id] = json.loads(payload)
        else:
            self.entities.pop(entity_id, None)

    def _take_event(self, event: Json) -> Json:
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


def _value(event: Json) -> str:
    key, value = str(event["key"]), event["value"]
    if event["type"] in ("appearance", "disappearance"):
        part = "face" if key == "face_roi" else "body"
        return f"{part} at {value[0]},{value[1]}, {value[2]} x {value[3]}"
    if key.startswith("emotion_"):
        return f"{key.removeprefix('emotion_')} {value:.0%}"
    return str(value) if key == "direction" else f"{key} {value}"
