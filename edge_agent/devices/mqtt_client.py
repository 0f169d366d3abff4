"""Clients of a broker as the settings have them, for whoever needs one."""

from __future__ import annotations

import queue
import ssl
import threading
from collections.abc import Callable

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.domain.errors import BrokerError, ConfigurationError
from edge_agent.settings import MqttSettings, TlsSettings

UNSUPPORTED_PROTOCOL = 132
"""Reason code of a broker that does not speak the version (MQTT 5, section 3.2.2.2)."""


def new_client(
    settings: MqttSettings,
    protocol: int,
    password: str | None,
    tls: ssl.SSLContext | None,
    client_id: str,
    *,
    lasting: bool = False,
) -> paho.Client:
    """A client as the settings have it; `lasting` ones reconnect by themselves."""
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        protocol=MQTTProtocolVersion(protocol),
        reconnect_on_failure=lasting,
    )
    if settings.username is not None:
        client.username_pw_set(settings.username, password)
    if tls is not None:
        client.tls_set_context(tls)
    return client


def tls_context(settings: TlsSettings) -> ssl.SSLContext | None:
    """What an encrypted connection needs; None for a plain one. Raises ConfigurationError."""
    if not settings.enabled:
        return None
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
        if settings.certificate_file is not None:
            context.load_cert_chain(settings.certificate_file, settings.key_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"mqtt.tls: a certificate cannot be used: {error}") from error
    return context


def refusal(settings: MqttSettings, reason: ReasonCode) -> str:
    """Why the broker says no, and what to do about it."""
    remedy = (
        "; check mqtt.username and mqtt.password"
        if reason.getName() in {"Not authorized", "Bad user name or password"}
        else ""
    )
    return f"the broker at {settings.host}:{settings.port} refuses: {reason.getName()}{remedy}"


def probe(settings: MqttSettings, password: str | None, timeout_s: float = 5.0) -> str:
    """Connect once and leave again: the MQTT version that was spoken. Raises BrokerError."""
    if settings.protocol == "5":
        reason = _first_answer(settings, paho.MQTTv5, password, timeout_s)
        if reason is not None and not reason.is_failure:
            return "5"
        if reason is not None and reason.value != UNSUPPORTED_PROTOCOL:
            raise BrokerError(refusal(settings, reason))
    reason = _first_answer(settings, paho.MQTTv311, password, timeout_s)
    if reason is None:
        raise BrokerError(f"the broker at {settings.host}:{settings.port} does not answer")
    if reason.is_failure:
        raise BrokerError(refusal(settings, reason))
    return "3.1.1"


def subscriber(
    settings: MqttSettings,
    password: str | None,
    topic_filter: str,
    on_message: Callable[[paho.Client, object, paho.MQTTMessage], None],
    subscribed: threading.Event | None = None,
) -> paho.Client:
    """A started client that gets what matches the filter, and subscribes anew when it reconnects.

    MQTT 3.1.1, which every broker speaks. `subscribed` is set at the broker's first confirmation.
    """
    client = new_client(
        settings, paho.MQTTv311, password, tls_context(settings.tls), "", lasting=True
    )

    def on_connect(of: paho.Client, _: object, __: object, ___: object, ____: object) -> None:
        of.subscribe(topic_filter, qos=1)

    def on_subscribe(_: object, __: object, ___: object, ____: object, _____: object) -> None:
        if subscribed is not None:
            subscribed.set()

    client.on_connect = on_connect
    client.on_subscribe = on_subscribe
    client.on_message = on_message
    client.connect(settings.host, settings.port)
    client.loop_start()
    return client


def _first_answer(
    settings: MqttSettings, protocol: int, password: str | None, timeout_s: float
) -> ReasonCode | None:
    """What the broker says; None where it says nothing."""
    answers: queue.SimpleQueue[ReasonCode] = queue.SimpleQueue()
    client = new_client(settings, protocol, password, tls_context(settings.tls), "")
    client.connect_timeout = timeout_s

    def on_connect(_: object, __: object, ___: object, reason: ReasonCode, ____: object) -> None:
        answers.put(reason)

    client.on_connect = on_connect
    try:
        client.connect(settings.host, settings.port)
        client.loop_start()
        return answers.get(timeout=timeout_s)
    except queue.Empty:
        return None
    except (OSError, ValueError) as error:
        raise BrokerError(
            f"no broker at {settings.host}:{settings.port}: "
            f"{getattr(error, 'strerror', None) or error}; "
            "check mqtt.host and mqtt.port, and that the broker runs"
        ) from error
    finally:
        client.disconnect()
        client.loop_stop()
