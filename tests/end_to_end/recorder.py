"""A real subscriber that writes down all that is published."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.subscribeoptions import SubscribeOptions


@dataclass(frozen=True)
class Received:
    topic: str
    payload: bytes
    qos: int
    retain: bool

    @property
    def document(self) -> Any:
        return json.loads(self.payload)


class Recorder:
    """Keeps every message in the order of its arrival, with the flags as it was published."""

    def __init__(self, port: int) -> None:
        self.messages: list[Received] = []
        self._changed = threading.Condition()
        self._subscribed = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.on_message = self._on_message
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        # "Retain as published": the flag of the publication, not whether it is an old message.
        self._client.subscribe("#", options=SubscribeOptions(qos=2, retainAsPublished=True))
        assert self._subscribed.wait(10)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def on(self, topic: str) -> list[Received]:
        """What came on one topic, or below it where it ends with a slash."""
        with self._changed:
            return [
                message
                for message in self.messages
                if message.topic == topic
                or (topic.endswith("/") and message.topic.startswith(topic))
            ]

    def wait_for(
        self, topic: str, is_it: Callable[[Received], bool], timeout_s: float = 30
    ) -> None:
        """Until such a message has come; fails when none does."""
        with self._changed:
            came = self._changed.wait_for(
                lambda: any(m.topic == topic and is_it(m) for m in self.messages), timeout_s
            )
            topics = sorted({message.topic for message in self.messages})
        assert came, f"no such message on {topic}; there were {topics}"

    def _on_message(self, _: object, __: object, message: paho.MQTTMessage) -> None:
        with self._changed:
            self.messages.append(
                Received(message.topic, bytes(message.payload), message.qos, bool(message.retain))
            )
            self._changed.notify_all()


def retained(port: int) -> dict[str, bytes]:
    """What a broker holds for whoever comes now."""
    with Recorder(port) as late:
        # What is retained comes before the answer to a later request of the same client.
        flushed = threading.Event()
        late._client.on_subscribe = lambda *_: flushed.set()
        late._client.subscribe("nothing/here", qos=1)
        assert flushed.wait(10)
        return {message.topic: message.payload for message in late.messages if message.payload}
