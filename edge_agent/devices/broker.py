"""The broker: connected, kept up, and each message delivered as it asks to be."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge_agent.devices.backoff import Backoff
from edge_agent.devices.mqtt_client import (
    UNSUPPORTED_PROTOCOL,
    new_client,
    refusal,
    tls_context,
)
from edge_agent.devices.outbox import Outbox
from edge_agent.devices.recurring import Trouble
from edge_agent.domain.message import Delivery, Message
from edge_agent.settings import MqttSettings

log = logging.getLogger(__name__)

IN_FLIGHT = 20
"""Kept messages that are under way to the broker at once."""
ANSWER_TIMEOUT_S = 10.0
"""How long a broker that took the connection may take to say yes or no."""


class BrokerState(str, Enum):
    CONNECTING = "connecting"
    CONNECTED = "connected"
    WAITING = "waiting"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Session:
    """What the broker holds for the agent: who it is, and what is to be true of its topics."""

    client_id: str
    birth: Message
    """Published at each connection."""
    will: Message
    """Published by the broker when the agent is lost, by the agent itself when it stops."""
    owned: str
    """A filter of retained topics that are the agent's alone. What it does not know there is
    removed: an agent that was killed has left it behind."""


@dataclass(frozen=True, slots=True)
class _Answered:
    reason: ReasonCode


@dataclass(frozen=True, slots=True)
class _Lost:
    reason: str


@dataclass(frozen=True, slots=True)
class _Acknowledged:
    packet_id: int


@dataclass(frozen=True, slots=True)
class _Found:
    topic: str


_Report = _Answered | _Lost | _Acknowledged | _Found


@dataclass(frozen=True, slots=True)
class _Reported:
    """What a client said; of one that has been replaced it means nothing any more."""

    connection: int
    report: _Report


@dataclass(frozen=True, slots=True)
class _Stop:
    deadline_s: float


_Happening = Message | _Reported | _Stop


class Broker:
    """One connection to a broker, kept up by a thread of its own.

    `publish` never waits for the network. Fleeting messages are dropped while there is no
    connection; of the latest ones the newest of each topic is sent at the next; kept ones stand
    in the outbox until the broker has acknowledged them, and are sent in order.

    Everything that happens passes through one queue and is worked through by the one thread, which
    alone has the state below. Each connection has a client of its own: what was not acknowledged
    is sent again from here, in order, and not by the client library in its own.
    """

    def __init__(
        self,
        settings: MqttSettings,
        session: Session,
        outbox: Outbox,
        *,
        password: str | None = None,
        backoff: Backoff | None = None,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> None:
        self._settings = settings
        self._answer_timeout_s = answer_timeout_s
        self._session = session
        self._outbox = outbox
        self._password = password
        self._backoff = backoff or Backoff()
        self._tls = tls_context(settings.tls)
        self._happenings: queue.SimpleQueue[_Happening] = queue.SimpleQueue()
        self._trouble = Trouble(log)
        self._protocol = paho.MQTTv5 if settings.protocol == "5" else paho.MQTTv311
        self._client: paho.Client | None = None
        self._connection = 0
        self._latest: dict[str, Message] = {}
        self._retained: set[str] = set()
        self._under_way: dict[int, Message] = {}
        self._last_sent = 0
        self._stop_at_s: float | None = None
        self._thread = threading.Thread(target=self._run, name="broker", daemon=True)
        self.state = BrokerState.CONNECTING

    @property
    def address(self) -> str:
        return f"{self._settings.host}:{self._settings.port}"

    @property
    def trouble(self) -> str:
        """Why there is no connection; empty when there is one, or none was tried yet."""
        return self._trouble.what

    def start(self) -> None:
        self._thread.start()

    def publish(self, message: Message) -> None:
        """Deliver a message as its `delivery` says; a kept one is on disk when this returns."""
        if message.delivery is Delivery.KEPT:
            self._outbox.put(message)
        if message.delivery is Delivery.FLEETING and self.state is not BrokerState.CONNECTED:
            return
        self._happenings.put(message)

    def stop(self, timeout_s: float = 1.5) -> None:
        """Send what can be sent in that time, say goodbye, and close."""
        self._happenings.put(_Stop(time.monotonic() + timeout_s))
        if self._thread.is_alive():
            self._thread.join(timeout_s + 0.3)
        self.state = BrokerState.CLOSED

    # The thread: one connection after the other.

    def _run(self) -> None:
        while self._stop_at_s is None:
            self.state = BrokerState.CONNECTING
            self._client = self._new_client()
            try:
                self._client.connect(
                    self._settings.host, self._settings.port, self._settings.keepalive_s
                )
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or error
                self._retry_later(f"no broker at {self.address}: {reason}")
                continue
            self._client.loop_start()
            lost = self._work_until(lambda: False, give_up_s=self._answer_timeout_s)
            self._client.loop_stop()
            if lost and self.state is BrokerState.CONNECTING:
                self._try_other_version()
            if lost:
                self._retry_later(lost)

    def _try_other_version(self) -> None:
        """Some brokers without MQTT 5 do not say so, but fall silent or hang up."""
        if self._settings.protocol == "5":
            is_five = self._protocol == paho.MQTTv5
            self._protocol = paho.MQTTv311 if is_five else paho.MQTTv5

    def _retry_later(self, reason: str) -> None:
        self.state = BrokerState.WAITING
        # What this connection still reports, such as that it was closed, must not end the wait.
        self._connection += 1
        self._trouble.happened(f"{reason}; trying again")
        until = time.monotonic() + self._backoff.next_s()
        self._work_until(lambda: time.monotonic() >= until)

    def _work_until(self, is_done: Callable[[], bool], give_up_s: float | None = None) -> str:
        """Work through what happens until done, stopped, or lost; the reason of the latter."""
        started_s = time.monotonic()
        while not is_done():
            if self._has_stopped():
                return ""
            if (
                give_up_s is not None
                and self.state is BrokerState.CONNECTING
                and time.monotonic() - started_s > give_up_s
            ):
                return f"the broker at {self.address} does not answer"
            try:
                happening = self._happenings.get(timeout=0.05 if self._stop_at_s else 0.5)
            except queue.Empty:
                continue
            if isinstance(happening, Message):
                self._take(happening)
            elif isinstance(happening, _Stop):
                self._stop_at_s = happening.deadline_s
            elif happening.connection == self._connection:
                report = happening.report
                if isinstance(report, _Lost):
                    return report.reason
                if isinstance(report, _Answered) and report.reason.is_failure:
                    return self._refused(report.reason)
                self._heed(report)
        return ""

    def _has_stopped(self) -> bool:
        """Whether it was asked to stop and all is sent, or the time for that is over."""
        if self._stop_at_s is None:
            return False
        connected = self.state is BrokerState.CONNECTED
        waits = connected and (self._under_way or len(self._outbox))
        if waits and time.monotonic() < self._stop_at_s:
            return False
        if connected and self._client is not None:
            goodbye = self._client.publish(
                self._session.will.topic, self._session.will.payload, 1, True
            )
            while not goodbye.is_published() and time.monotonic() < self._stop_at_s:
                time.sleep(0.005)
            self._client.disconnect()
        self.state = BrokerState.CLOSED
        return True

    def _heed(self, report: _Answered | _Acknowledged | _Found) -> None:
        if isinstance(report, _Answered):
            self._greet()
        elif isinstance(report, _Acknowledged):
            self._settle(report.packet_id)
        else:
            self._tidy(report.topic)

    def _take(self, message: Message) -> None:
        if message.delivery is Delivery.LATEST:
            self._latest[message.topic] = message
        if self.state is not BrokerState.CONNECTED:
            if not message.payload and message.topic not in self._retained:
                # No broker ever got it: there is nothing to remove.
                self._latest.pop(message.topic, None)
            return
        if message.delivery is Delivery.KEPT:
            self._send_waiting()
        else:
            self._send(message)

    def _greet(self) -> None:
        """The broker has said yes: tell it all that is true now."""
        assert self._client is not None
        self.state = BrokerState.CONNECTED
        version = "5" if self._protocol == paho.MQTTv5 else "3.1.1"
        if self._trouble.is_on:
            self._trouble.is_over(f"connected to the broker at {self.address}")
        else:
            log.info("connected to the broker at %s (MQTT %s)", self.address, version)
        self._backoff.succeeded()
        self._under_way.clear()
        self._last_sent = 0
        self._send(self._session.birth)
        for message in tuple(self._latest.values()):
            self._send(message)
        if self._protocol == paho.MQTTv5:
            self._client.subscribe(
                self._session.owned, options=SubscribeOptions(qos=1, noLocal=True)
            )
        else:
            self._client.subscribe(self._session.owned, qos=1)
        self._send_waiting()

    def _refused(self, reason: ReasonCode) -> str:
        if reason.value == UNSUPPORTED_PROTOCOL and self._protocol == paho.MQTTv5:
            log.info("the broker at %s does not speak MQTT 5: going on with 3.1.1", self.address)
            self._protocol = paho.MQTTv311
            return ""
        self.state = BrokerState.WAITING
        return refusal(self._settings, reason)

    def _send_waiting(self) -> None:
        kept = sum(message.delivery is Delivery.KEPT for message in self._under_way.values())
        for message in self._outbox.after(self._last_sent, IN_FLIGHT - kept):
            assert message.sequence is not None
            self._last_sent = message.sequence
            self._send(message)

    def _send(self, message: Message) -> None:
        assert self._client is not None
        properties = None
        if message.expiry_s is not None and self._protocol == paho.MQTTv5:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.MessageExpiryInterval = message.expiry_s
        sent = self._client.publish(
            message.topic, message.payload, message.qos, message.retain, properties
        )
        if message.qos > 0:
            self._under_way[sent.mid] = message
        if message.delivery is Delivery.LATEST:
            self._retained.add(message.topic)

    def _settle(self, packet_id: int) -> None:
        message = self._under_way.pop(packet_id, None)
        if message is None:
            return
        if message.sequence is not None:
            self._outbox.sent(message.sequence)
            self._send_waiting()
        elif not message.payload and self._latest.get(message.topic) is message:
            del self._latest[message.topic]
            self._retained.discard(message.topic)

    def _tidy(self, topic: str) -> None:
        """A retained topic of the agent's own: one that it does not know is to go."""
        if topic not in self._latest:
            self._take(Message(topic, b"", qos=1, retain=True, delivery=Delivery.LATEST))

    # Of the client library: its callbacks only put down what happened.

    def _new_client(self) -> paho.Client:
        client = new_client(
            self._settings, self._protocol, self._password, self._tls, self._session.client_id
        )
        will = self._session.will
        client.will_set(will.topic, will.payload, will.qos, will.retain)
        self._connection += 1
        connection, happenings = self._connection, self._happenings

        def put(report: _Report) -> None:
            happenings.put(_Reported(connection, report))

        def on_connect(
            _: object, __: object, ___: object, reason: ReasonCode, ____: object
        ) -> None:
            put(_Answered(reason))

        def on_disconnect(
            _: object, __: object, ___: object, reason: ReasonCode, ____: object
        ) -> None:
            put(_Lost(f"lost the broker at {self.address}: {reason.getName()}"))

        def on_publish(_: object, __: object, mid: int, ___: object, ____: object) -> None:
            put(_Acknowledged(mid))

        def on_message(_: object, __: object, message: paho.MQTTMessage) -> None:
            if message.retain and message.payload:
                put(_Found(message.topic))

        client.on_connect = on_connect
        client.on_disconnect = on_disconnect
        client.on_publish = on_publish
        client.on_message = on_message
        return client
