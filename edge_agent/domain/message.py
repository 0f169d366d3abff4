"""What leaves the agent over MQTT."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Delivery(str, Enum):
    """What becomes of a message that cannot be sent now."""

    KEPT = "kept"
    """Waits on disk, in order, until the broker has taken it: events."""
    LATEST = "latest"
    """Retained by the broker; the newest of a topic replaces the older: snapshots, counts."""
    FLEETING = "fleeting"
    """Dropped: scene documents, which the next one replaces."""


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT publication. An empty payload with `Delivery.LATEST` removes what was retained."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    delivery: Delivery
    sequence: int | None = None
    """Of kept messages: grows by one with each, across restarts."""
    expiry_s: int | None = None
    """Seconds after which an MQTT 5 broker forgets the message."""
