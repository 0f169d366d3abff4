"""edge-agent watch: entities and events from the broker, live in the terminal."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import paho.mqtt.client as paho

from edge_agent.cli.options import add_broker, add_config, settings_of
from edge_agent.cli.view import REFRESH_PER_S, PlainScreen, Screen, Seen
from edge_agent.devices.config_file import password_of
from edge_agent.devices.mqtt_client import probe, subscriber
from edge_agent.settings import MqttSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    add_broker(parser)
    parser.add_argument("--plain", action="store_true", help="one line per event, no table")
    parser.add_argument(
        "--seconds", type=float, metavar="N", help="stop after so long (default: at Ctrl-C)"
    )


def run(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments).mqtt
    password = password_of(settings)
    probe(settings, password)
    until_s = time.monotonic() + arguments.seconds if arguments.seconds else float("inf")
    print(f"watching {settings.base_topic} on {settings.host}:{settings.port}", file=sys.stderr)
    seen = Seen()
    watch(settings, password, seen, lambda: time.monotonic() >= until_s, plain=arguments.plain)
    return 0


def watch(
    settings: MqttSettings,
    password: str | None,
    seen: Seen,
    is_done: Callable[[], bool],
    *,
    plain: bool,
    subscribed: threading.Event | None = None,
) -> None:
    """Show everything below the base topic until done."""
    with _screen(seen, plain=plain) as shown:

        def on_message(_: object, __: object, message: paho.MQTTMessage) -> None:
            event = seen.take(message.topic, bytes(message.payload))
            if event is not None:
                shown.event(event)

        client = subscriber(settings, password, f"{settings.base_topic}/#", on_message, subscribed)
        try:
            _keep_fresh(shown, is_done)
        finally:
            client.disconnect()
            client.loop_stop()


@contextmanager
def _screen(seen: Seen, *, plain: bool) -> Iterator[Screen]:
    """A live table where that is possible and wanted, else plain lines."""
    if plain or not sys.stdout.isatty():
        yield PlainScreen(seen)
        return
    try:
        from edge_agent.cli.table import live_table
    except ImportError:
        print("(a live table needs the package rich: pip install rich; events as lines)")
        yield PlainScreen(seen)
        return
    with live_table(seen) as table:
        yield table


def _keep_fresh(shown: Screen, is_done: Callable[[], bool]) -> None:
    while not is_done():
        shown.refresh()
        time.sleep(1 / REFRESH_PER_S)
