"""edge-agent demo: a broker, the real daemon on a clip, and what it publishes, in one terminal."""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import yaml

from edge_agent.cli.clip import make_clip
from edge_agent.cli.options import broker_address
from edge_agent.cli.view import Seen
from edge_agent.cli.watch import watch
from edge_agent.devices.embedded_broker import embedded_broker
from edge_agent.domain.errors import AgentError
from edge_agent.settings import MqttSettings

HOST = "127.0.0.1"
LAST_WORDS_S = 1.0
"""Time for what was published last to arrive."""
STOP_TIMEOUT_S = 10.0
EXPECTED = (
    ("appearance", None),
    ("emotion_detected", "emotion_happiness"),
    ("disappearance", None),
)
"""What the built-in clip is sure to show, at least once each, of exactly one person."""


class DemoError(AgentError):
    """The demonstration did not show what it should."""

    exit_status = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--camera", metavar="DEVICE", help="a camera in the place of the clip, until Ctrl-C: 0"
    )
    source.add_argument("--video", type=Path, metavar="FILE", help="a video of your own")
    parser.add_argument(
        "--broker",
        metavar="HOST[:PORT]",
        help="a broker of your own in the place of the embedded one",
    )
    parser.add_argument("--camera-position", choices=("facing", "ceiling"), default="facing")
    parser.add_argument("--plain", action="store_true", help="one line per event, no table")


def run(arguments: argparse.Namespace) -> int:
    seen = Seen()
    with tempfile.TemporaryDirectory(prefix="edge-agent-demo-") as name:
        folder = Path(name)
        source = _source(arguments, folder)
        with _broker(arguments.broker) as address:
            status = _show(arguments, source, address, folder, seen)
    print(_summary(seen))
    if status != 0:
        raise DemoError(f"the agent ended with exit status {status}")
    if arguments.camera is None and arguments.video is None:
        _judge(seen)
    return 0


def _source(arguments: argparse.Namespace, folder: Path) -> str:
    if arguments.camera is not None:
        return str(arguments.camera)
    if arguments.video is not None:
        return str(arguments.video.resolve())
    clip = folder / "clip.avi"
    print("making a clip: someone comes in, walks up, stays, and leaves ...", flush=True)
    make_clip(clip)
    return str(clip)


@contextlib.contextmanager
def _broker(named: str | None) -> Iterator[tuple[str, int]]:
    if named is not None:
        address = broker_address(named)
        yield address["host"], address.get("port", 1883)
        return
    with embedded_broker(HOST) as port:
        print(f"a broker of its own listens on {HOST}:{port}", flush=True)
        yield HOST, port


def _show(
    arguments: argparse.Namespace,
    source: str,
    address: tuple[str, int],
    folder: Path,
    seen: Seen,
) -> int:
    """Run the daemon and show its topics until it ends; the daemon's exit status."""
    # The embedded broker speaks 3.1.1 only, and is not polite to clients of version 5.
    protocol: Literal["5", "3.1.1"] = "3.1.1" if arguments.broker is None else "5"
    mqtt = MqttSettings(
        host=address[0], port=address[1], base_topic="edge_agent_demo", protocol=protocol
    )
    configuration = folder / "edge-agent.yaml"
    configuration.write_text(
        yaml.safe_dump(
            {
                "device_id": "demo",
                "camera_position": arguments.camera_position,
                "camera": {"source": source},
                "mqtt": {
                    "host": mqtt.host,
                    "port": mqtt.port,
                    "base_topic": mqtt.base_topic,
                    "protocol": mqtt.protocol,
                    "scene_interval_s": 0.25,
                    "outbox": {"directory": str(folder)},
                },
                "logging": {"level": "warning"},
            }
        )
    )
    ready = threading.Event()
    daemon: list[subprocess.Popen[bytes]] = []
    ended_s: list[float] = []

    def is_done() -> bool:
        # The daemon starts once the view listens, so that nothing of it is missed.
        if not daemon and ready.is_set():
            command = [sys.executable, "-m", "edge_agent", "run", "--config", str(configuration)]
            daemon.append(subprocess.Popen(command))  # noqa: S603 - our own program
        if daemon and daemon[0].poll() is not None and not ended_s:
            ended_s.append(time.monotonic())
        return bool(ended_s) and time.monotonic() - ended_s[0] >= LAST_WORDS_S

    try:
        watch(mqtt, None, seen, is_done, plain=arguments.plain, subscribed=ready)
    except KeyboardInterrupt:
        print("\nstopping ...")
    finally:
        for process in daemon:
            _stop(process)
    return daemon[0].returncode if daemon else 0


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _summary(seen: Seen) -> str:
    people = len(seen.people)
    counts = ", ".join(f"{count} {name}" for name, count in sorted(seen.event_types.items()))
    return f"\n{people} {'person' if people == 1 else 'people'} seen; events: {counts or 'none'}"


def _judge(seen: Seen) -> None:
    """The built-in clip is known: say so when the agent did not see what is in it."""
    missing = [
        name if key is None else f"{name} ({key})"
        for name, key in EXPECTED
        if not any(n == name and key in (None, k) for n, k in seen.event_keys)
    ]
    if missing:
        raise DemoError(f"the clip should have shown: {', '.join(missing)}")
    if len(seen.people) != 1:
        raise DemoError(f"the clip shows one person, not {len(seen.people)}")
