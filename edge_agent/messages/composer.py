"""Scene -> messages: what is published of a frame, and when."""

from __future__ import annotations

from edge_agent.domain.entity import SceneState
from edge_agent.domain.event import Event
from edge_agent.domain.frame import Instant
from edge_agent.domain.geometry import Size
from edge_agent.domain.message import Delivery, Message
from edge_agent.messages.payloads import (
    Json,
    encoded,
    entity_document,
    event_fields,
    scene_document,
    timestamp,
)
from edge_agent.messages.topics import Topics

SNAPSHOT_EXPIRY_INTERVALS = 20
SHORTEST_SNAPSHOT_EXPIRY_S = 30
ONLINE, OFFLINE = b"online", b"offline"


class Composer:
    """Composes the messages of one camera.

    The scene and the snapshots are published every `interval_s` of capture time, and at once with
    any event and when somebody has gone. `first_sequence` is the sequence of the first event.
    """

    def __init__(self, topics: Topics, *, interval_s: float, first_sequence: int = 1) -> None:
        self._topics = topics
        self._interval_s = interval_s
        self._sequence = first_sequence
        self._published_at: Instant | None = None
        self._count: int | None = None
        # An MQTT 5 broker forgets snapshots that a killed agent could not remove.
        self._expiry_s = max(
            round(interval_s * SNAPSHOT_EXPIRY_INTERVALS), SHORTEST_SNAPSHOT_EXPIRY_S
        )

    def compose(
        self, state: SceneState, events: tuple[Event, ...], frame_size: Size
    ) -> tuple[Message, ...]:
        """The messages of one frame, in the order in which they are to be sent.

        An event comes after the snapshot that holds its value; a snapshot is removed after the
        disappearance.
        """
        # Whoever has gone is in this state for the last time, also where no event tells of it.
        if not events and not state.gone and not self._is_due(state.captured_at):
            return ()
        self._published_at = state.captured_at
        documents = {
            entity.entity_id: entity_document(entity, frame_size) for entity in state.entities
        }
        snapshots = [
            self._latest(
                self._topics.entity(entity.entity_id), encoded(documents[entity.entity_id])
            )
            for entity in state.present
        ]
        removals = [
            self._latest(self._topics.entity(gone), b"") for gone in sorted(state.gone, key=str)
        ]
        return (
            Message(
                self._topics.scene,
                encoded(scene_document(state, events, frame_size)),
                qos=0,
                retain=False,
                delivery=Delivery.FLEETING,
            ),
            *snapshots,
            *(
                self._event(event, documents[event.entity_id], state.captured_at)
                for event in events
            ),
            *removals,
            *self._count_if_changed(len(state.present)),
        )

    def _is_due(self, captured_at: Instant) -> bool:
        return self._published_at is None or (
            captured_at.since(self._published_at) >= self._interval_s
        )

    def _event(self, event: Event, entity: Json, captured_at: Instant) -> Message:
        sequence, self._sequence = self._sequence, self._sequence + 1
        payload = {
            **event_fields(event),
            "value": entity[event.key],
            "timestamp": timestamp(captured_at.utc),
            "device": self._topics.device,
            "camera": self._topics.camera,
            "sequence": sequence,
        }
        return Message(
            self._topics.event,
            encoded(payload),
            qos=1,
            retain=False,
            delivery=Delivery.KEPT,
            sequence=sequence,
        )

    def _latest(self, topic: str, payload: bytes) -> Message:
        return Message(
            topic,
            payload,
            qos=1,
            retain=True,
            delivery=Delivery.LATEST,
            expiry_s=self._expiry_s if payload else None,
        )

    def _count_if_changed(self, count: int) -> tuple[Message, ...]:
        if count == self._count:
            return ()
        self._count = count
        payload = str(count).encode()
        return (Message(self._topics.count, payload, qos=1, retain=True, delivery=Delivery.LATEST),)


def status_message(topics: Topics, payload: bytes) -> Message:
    """`ONLINE` or `OFFLINE`; the latter is also the last will."""
    return Message(topics.status, payload, qos=1, retain=True, delivery=Delivery.LATEST)
