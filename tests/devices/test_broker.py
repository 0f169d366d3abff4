"""The MQTT client against real brokers that come, go, refuse and fall silent."""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edge_agent.devices.backoff import Backoff
from edge_agent.devices.broker import Broker, BrokerState, Session
from edge_agent.devices.embedded_broker import embedded_broker
from edge_agent.devices.mqtt_client import probe
from edge_agent.devices.outbox import Limits, Outbox
from edge_agent.domain.errors import BrokerError
from edge_agent.domain.message import Delivery, Message
from edge_agent.settings import MqttSettings
from tests.conftest import Mosquitto, free_port

HOST = "127.0.0.1"
PATIENCE_S = 10.0
STATUS = "edge_agent/board/status"
EVENT = "edge_agent/board/cam/event"
ENTITY = "edge_agent/board/cam/entity"
SESSION = Session(
    client_id="edge-agent-board-cam",
    birth=Message(STATUS, b"online", 1, True, Delivery.LATEST),
    will=Message(STATUS, b"offline", 1, True, Delivery.LATEST),
    owned=f"{ENTITY}/+",
)


def snapshot(name: str, payload: bytes, expiry_s: int | None = None) -> Message:
    return Message(f"{ENTITY}/{name}", payload, 1, True, Delivery.LATEST, expiry_s=expiry_s)


def until(is_so: Callable[[], bool], what: str = "it") -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline_s, f"{what} never came to be"
        time.sleep(0.01)


@dataclass
class Listener:
    """A consumer; it keeps all that it gets, in order, and subscribes anew after an outage."""

    port: int
    got: list[paho.MQTTMessage] = field(default_factory=list)
    subscribed: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Listener:
        client = paho.Client(
            CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5, client_id=""
        )

        def on_connect(of: paho.Client, *_: object) -> None:
            of.subscribe("edge_agent/#", qos=1)

        client.on_connect = on_connect
        client.on_subscribe = lambda *_: self.subscribed.set()
        client.on_message = lambda _, __, message: self.got.append(message)
        client.reconnect_delay_set(0.1, 0.1)
        client.connect(HOST, self.port)
        client.loop_start()
        self._client = client
        assert self.subscribed.wait(PATIENCE_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def payloads(self, topic: str) -> list[bytes]:
        return [bytes(message.payload) for message in list(self.got) if message.topic == topic]

    def await_payload(self, topic: str, payload: bytes) -> None:
        until(lambda: payload in self.payloads(topic), f"{payload!r} on {topic}")


def retained(port: int, topic: str = "edge_agent/#") -> dict[str, paho.MQTTMessage]:
    """What the broker holds; waits until all of it has come."""
    with Listener(port) as listener:
        # Retained messages come before what is published after the subscription.
        mark = paho.Client(CallbackAPIVersion.VERSION2)
        mark.connect(HOST, port)
        mark.loop_start()
        mark.publish("edge_agent/mark", b"now", qos=1)
        listener.await_payload("edge_agent/mark", b"now")
        mark.disconnect()
        mark.loop_stop()
        return {m.topic: m for m in listener.got if m.retain}


class Events:
    """Puts numbered events into a broker's client, as the composer would."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self.sequence = outbox.last_sequence

    def next(self) -> Message:
        self.sequence += 1
        payload = json.dumps({"sequence": self.sequence}).encode()
        return Message(EVENT, payload, 1, False, Delivery.KEPT, self.sequence)


def sequences(listener: Listener) -> list[int]:
    return [json.loads(payload)["sequence"] for payload in listener.payloads(EVENT)]


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    box = Outbox(tmp_path / "events.outbox", Limits(1000, 1_000_000))
    yield box
    box.close()


@pytest.fixture
def broker_at(outbox: Outbox) -> Iterator[Callable[..., Broker]]:
    made: list[Broker] = []

    def make(port: int, password: str | None = None, **settings: object) -> Broker:
        quick = Backoff(first_s=0.05, cap_s=0.1)
        mqtt = MqttSettings.model_validate({"host": HOST, "port": port, **settings})
        made.append(Broker(mqtt, SESSION, outbox, password=password, backoff=quick))
        made[-1].start()
        return made[-1]

    yield make
    for broker in made:
        broker.stop(0.2)


def connected(broker: Broker) -> Broker:
    until(lambda: broker.state is BrokerState.CONNECTED, "a connection")
    return broker


def test_birth_and_clean_stop_say_so_once_each(
    mosquitto: Mosquitto, broker_at: Callable[..., Broker]
) -> None:
    with Listener(mosquitto.port) as listener:
        broker = connected(broker_at(mosquitto.port))
        listener.await_payload(STATUS, b"online")
        broker.stop()
        listener.await_payload(STATUS, b"offline")
        assert bytes(retained(mosquitto.port)[STATUS].payload) == b"offline"
        assert listener.payloads(STATUS) == [b"online", b"offline"]  # and no last will after it
        assert all(message.qos == 1 for message in listener.got if message.topic == STATUS)


class Cable:
    """A connection through a middleman that can be cut, and mended again."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._is_cut = False
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server((HOST, 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            near, _ = self._listener.accept()
            if self._is_cut:
                near.close()
                continue
            far = socket.create_connection((HOST, self._target))
            self._ends += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    @staticmethod
    def _carry(one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(4096):
                other.sendall(data)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        self._is_cut = True
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self._is_cut = False


def test_last_will_tells_of_a_connection_that_was_cut(
    mosquitto: Mosquitto, broker_at: Callable[..., Broker]
) -> None:
    cable = Cable(mosquitto.port)
    with Listener(mosquitto.port) as listener:
        broker = connected(broker_at(cable.port))
        listener.await_payload(STATUS, b"online")
        cable.cut()
        listener.await_payload(STATUS, b"offline")
        until(lambda: broker.state is not BrokerState.CONNECTED)


def test_snapshots_replace_each_other_and_go_when_emptied(
    mosquitto: Mosquitto, broker_at: Callable[..., Broker]
) -> None:
    broker = connected(broker_at(mosquitto.port))
    broker.publish(snapshot("a", b"1", 30))
    broker.publish(snapshot("a", b"2", 30))
    broker.publish(snapshot("b", b"3", 30))
    broker.publish(snapshot("b", b""))
    with Listener(mosquitto.port) as listener:
        broker.publish(Message("edge_agent/done", b"", 1, False, Delivery.LATEST))
        until(lambda: bool(listener.payloads("edge_agent/done")))
    held = retained(mosquitto.port)
    assert set(held) == {STATUS, f"{ENTITY}/a"}
    assert bytes(held[f"{ENTITY}/a"].payload) == b"2"
    assert 0 < held[f"{ENTITY}/a"].properties.MessageExpiryInterval <= 30  # type: ignore[union-attr]


def test_events_outlast_an_outage_in_order_and_none_is_lost(
    mosquitto: Mosquitto, broker_at: Callable[..., Broker], outbox: Outbox
) -> None:
    events = Events(outbox)
    first = events.sequence + 1
    with Listener(mosquitto.port) as listener:
        broker = connected(broker_at(mosquitto.port))
        for _ in range(30):
            broker.publish(events.next())
        mosquitto.stop()  # in the middle of it
        for _ in range(30):
            broker.publish(events.next())
        until(lambda: broker.state is not BrokerState.CONNECTED)
        listener.subscribed.clear()
        mosquitto.start()
        assert listener.subscribed.wait(PATIENCE_S)
        connected(broker)
        for _ in range(30):
            broker.publish(events.next())
        until(lambda: len(outbox) == 0, "an empty outbox")
    got = sequences(listener)
    # The consumer was away, too: it may miss what an earlier broker took, but none that waited.
    assert set(got) >= set(range(first + 30, first + 90))
    unique = list(dict.fromkeys(got))
    assert unique == sorted(unique)


def test_events_of_a_time_without_any_broker_come_when_there_is_one(
    mosquitto: Mosquitto, broker_at: Callable[..., Broker], outbox: Outbox
) -> None:
    mosquitto.stop()
    events = Events(outbox)
    broker = broker_at(mosquitto.port)
    expected = []
    for _ in range(50):
        broker.publish(events.next())
        expected.append(events.sequence)
    until(lambda: broker.trouble != "")
    broker.publish(Message("edge_agent/board/cam/scene", b"old", 0, False, Delivery.FLEETING))
    broker.publish(snapshot("a", b"old"))
    broker.publish(snapshot("a", b"new"))
    broker.stop(0.2)
    mosquitto.start()
    with Listener(mosquitto.port) as listener:
        again = connected(broker_at(mosquitto.port))
        until(lambda: len(outbox) == 0, "an empty outbox")
        again.stop()
        listener.await_payload(STATUS, b"offline")
        assert sequences(listener) == expected
        assert not listener.payloads("edge_agent/board/cam/scene")


def test_only_the_newest_snapshot_of_an_outage_is_sent(
    mosquitto: Mosquitto, broker_at: Callable[..., Broker]
) -> None:
    mosquitto.stop()
    broker = broker_at(mosquitto.port)
    until(lambda: broker.trouble != "")
    for payload in (b"1", b"2", b"3"):
        broker.publish(snapshot("a", payload))
    for index in range(50):  # visitors who came and went meanwhile
        broker.publish(snapshot(f"gone-{index}", b"x"))
        broker.publish(snapshot(f"gone-{index}", b""))
    mosquitto.start()
    with Listener(mosquitto.port) as listener:
        connected(broker)
        listener.await_payload(f"{ENTITY}/a", b"3")
        broker.stop()
        listener.await_payload(STATUS, b"offline")
        assert {m.topic for m in listener.got} == {STATUS, f"{ENTITY}/a"}
        assert listener.payloads(f"{ENTITY}/a") == [b"3"]


def test_person_who_left_during_an_outage_is_removed_after_it(
    mosquitto: Mosquitto, broker_at: Callable[..., Broker]
) -> None:
    cable = Cable(mosquitto.port)
    broker = connected(broker_at(cable.port))
    broker.publish(snapshot("a", b"here"))
    until(lambda: f"{ENTITY}/a" in retained(mosquitto.port))
    cable.cut()
    until(lambda: broker.state is not BrokerState.CONNECTED)
    broker.publish(snapshot("a", b""))
    cable.mend()
    connected(broker)
    until(lambda: f"{ENTITY}/a" not in retained(mosquitto.port))


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_snapshots_that_a_killed_agent_left_are_removed_and_only_those(
    protocol: str, mosquitto: Mosquitto, broker_at: Callable[..., Broker]
) -> None:
    neighbour = "edge_agent/other-board/cam/entity/n"
    stranger = paho.Client(CallbackAPIVersion.VERSION2)
    stranger.connect(HOST, mosquitto.port)
    stranger.loop_start()
    for topic in (f"{ENTITY}/left", f"{ENTITY}/stays", neighbour):
        stranger.publish(topic, b"old", qos=1, retain=True).wait_for_publish(PATIENCE_S)
    stranger.disconnect()
    stranger.loop_stop()
    broker = broker_at(mosquitto.port, protocol=protocol)
    broker.publish(snapshot("stays", b"new"))
    connected(broker)
    until(lambda: f"{ENTITY}/left" not in retained(mosquitto.port))
    held = retained(mosquitto.port)
    assert bytes(held[f"{ENTITY}/stays"].payload) == b"new"
    assert neighbour in held


def test_broker_without_version_5_is_spoken_to_in_its_own(outbox: Outbox) -> None:
    pytest.importorskip("amqtt")
    events = Events(outbox)
    with embedded_broker(HOST) as port:
        mqtt = MqttSettings(host=HOST, port=port, protocol="5")
        quick = Backoff(first_s=0.05, cap_s=0.1)
        broker = Broker(mqtt, SESSION, outbox, backoff=quick, answer_timeout_s=0.5)
        broker.start()
        connected(broker)
        broker.publish(snapshot("a", b"1", 30))
        broker.publish(events.next())
        until(lambda: len(outbox) == 0, "an empty outbox")
        broker.stop()


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that asks for a password."""
    program = shutil.which("mosquitto_passwd")
    assert program, "these tests need Mosquitto; scripts/test installs it"
    passwords = tmp_path / "passwords"
    subprocess.run([program, "-b", "-c", str(passwords), "agent", "right"], check=True)
    passwords.chmod(0o644)
    tmp_path.chmod(0o755)
    broker = Mosquitto(
        tmp_path,
        free_port(),
        ("allow_anonymous false", f"password_file {passwords}", "user root"),
    )
    broker.start()
    yield broker
    broker.stop()


def test_wrong_password_is_said_once_with_the_remedy_and_tried_at_a_measured_pace(
    locked: Mosquitto, broker_at: Callable[..., Broker], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    waits: list[float] = []

    class Counted(Backoff):
        def next_s(self) -> float:
            waits.append(time.monotonic())
            return 0.3

    mqtt = MqttSettings(host=HOST, port=locked.port, username="agent")
    broker = Broker(
        mqtt, SESSION, Outbox(None, Limits(9, 9999)), password="wr0ng-s3cret", backoff=Counted()
    )
    broker.start()
    until(lambda: len(waits) == 3)
    broker.stop()
    assert all(later - earlier >= 0.3 for earlier, later in pairwise(waits))
    warnings = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert "mqtt.username and mqtt.password" in warnings[0]
    assert "wr0ng-s3cret" not in caplog.text


def test_right_password_opens(locked: Mosquitto, broker_at: Callable[..., Broker]) -> None:
    connected(broker_at(locked.port, username="agent", password="right"))
    mqtt = MqttSettings(host=HOST, port=locked.port, username="agent")
    assert probe(mqtt, "right") == "5"
    with pytest.raises(BrokerError, match=r"check mqtt\.username and mqtt\.password"):
        probe(mqtt, "wrong")


def test_probe_names_the_address_where_nobody_listens() -> None:
    port = free_port()
    with pytest.raises(BrokerError, match=rf"no broker at {HOST}:{port}.*check mqtt\.host"):
        probe(MqttSettings(host=HOST, port=port), None)


def test_probe_speaks_the_older_version_where_the_newer_is_not_understood() -> None:
    pytest.importorskip("amqtt")
    with embedded_broker(HOST) as port:
        assert probe(MqttSettings(host=HOST, port=port), None, timeout_s=1.0) == "3.1.1"


@pytest.fixture
def silent() -> Iterator[int]:
    """A port where connections are taken, and nothing is ever said."""
    with socket.create_server((HOST, 0)) as listener:
        yield listener.getsockname()[1]


def test_probe_of_a_silent_port_ends(silent: int) -> None:
    with pytest.raises(BrokerError, match="does not answer"):
        probe(MqttSettings(host=HOST, port=silent), None, timeout_s=0.2)


def test_stop_keeps_its_time_before_a_silent_broker(
    silent: int, broker_at: Callable[..., Broker], outbox: Outbox
) -> None:
    broker = broker_at(silent)
    broker.publish(Events(outbox).next())
    until(lambda: broker.state is BrokerState.CONNECTING)
    ended = threading.Event()

    def stop() -> None:
        broker.stop(0.3)
        ended.set()

    threading.Thread(target=stop, daemon=True).start()
    assert ended.wait(PATIENCE_S)
    assert len(outbox) == 1


def test_stop_waits_for_what_can_still_be_sent(
    mosquitto: Mosquitto, broker_at: Callable[..., Broker], outbox: Outbox
) -> None:
    events = Events(outbox)
    with Listener(mosquitto.port) as listener:
        broker = connected(broker_at(mosquitto.port))
        for _ in range(60):
            broker.publish(events.next())
        broker.stop(PATIENCE_S)
        listener.await_payload(STATUS, b"offline")
        assert len(sequences(listener)) == 60
        assert listener.got[-1].topic == STATUS
    assert len(outbox) == 0
