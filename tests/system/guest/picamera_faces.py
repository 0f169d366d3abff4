"""Inside the container: the agent with the real picamera2, and faces before the camera."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from checks import FailedError, check, finish, holds, say, text_of
from virtual_camera import STALL

CONFIG = Path("/tmp/edge-agent.yaml")
ADDRESS = Path("/tmp/notify")
LOG = Path("/tmp/said")
TIMEOUT_S = 2
RETURN_LIMIT_S = 10
CONFIGURATION = f"""\
device_id: board
camera: {{source: picamera, width: 1280, height: 720, frame_rate: 15, timeout_s: {TIMEOUT_S}}}
mqtt: {{host: 127.0.0.1, port: 1, outbox: {{directory: /tmp/state}}}}
"""


class Agent:
    """The daemon, and what it notifies."""

    def __init__(self) -> None:
        ADDRESS.unlink(missing_ok=True)
        self._channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._channel.bind(str(ADDRESS))
        self._channel.settimeout(0.2)
        with LOG.open("w") as said:
            self.process = subprocess.Popen(
                [sys.executable, "virtual_camera.py", "run", "--config", str(CONFIG)],
                stderr=said,
                env={**os.environ, "NOTIFY_SOCKET": str(ADDRESS)},
            )

    def hears(self, pattern: str, timeout_s: float = 40) -> str:
        deadline_s = time.monotonic() + timeout_s
        last = ""
        while time.monotonic() < deadline_s:
            if self.process.poll() is not None:
                raise FailedError(f"it ended: {LOG.read_text()[-2000:]}")
            try:
                heard = self._channel.recv(65536).decode()
            except TimeoutError:
                continue
            if heard.startswith("STATUS="):
                last = heard
            if re.search(pattern, heard):
                return heard
        raise FailedError(f"not heard: {pattern}; last: {last}; {LOG.read_text()[-2000:]}")

    def stop(self) -> float:
        started_s = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        self._channel.close()
        return time.monotonic() - started_s


@contextmanager
def running() -> Iterator[Agent]:
    agent = Agent()
    try:
        yield agent
    finally:
        if agent.process.poll() is None:
            agent.process.kill()
            agent.process.wait()


def frames() -> None:
    from edge_agent.devices.cameras import open_camera
    from edge_agent.devices.config_file import read_settings

    settings = read_settings(CONFIG).camera
    with check("frames: two streams of the right shape, times that advance"):
        with closing(open_camera(settings)) as camera:
            shots = [camera.read() for _ in range(10)]
        holds(all(shot is not None for shot in shots), "a frame is missing")
        full, small = shots[0].pixels.shape, shots[0].lores
        say(f"        main {full}, lores {None if small is None else small.shape}")
        holds(full == (720, 1280, 3), f"main is {full}")
        holds(small is not None and small.shape == (360, 640, 3), "lores is missing or misshapen")
        times = [shot.captured_at.monotonic_s for shot in shots]
        holds(times == sorted(times), f"times {times}")
        holds(abs(times[-1] - time.monotonic()) < 5, "the times are of another clock")
        red, blue = (float(shots[0].pixels[..., c].mean()) for c in (2, 0))
        small_red, small_blue = (float(small[..., c].mean()) for c in (2, 0))
        holds(abs(red - small_red) < 8 and abs(blue - small_blue) < 8, "the colours differ")
        holds(red > blue + 10, f"red {red:.0f} and blue {blue:.0f}: are they exchanged?")
    with check("the camera can be opened again and again"):
        for _ in range(3):
            with closing(open_camera(settings)) as camera:
                holds(camera.read() is not None, "no frame")


CONFIG.write_text(CONFIGURATION)
say(f"        {text_of(sys.executable, '-m', 'pip', 'show', 'picamera2').splitlines()[1]}")
frames()
with running() as agent:
    with check("the agent finds the face"):
        agent.hears("READY=1")
        say(f"        {agent.hears('[1-9] p(erson|eople) in view').strip()}")
    with check("a stalled camera is noticed"):
        STALL.touch()
        started_s = time.monotonic()
        status = agent.hears("waiting for the camera", 4 * TIMEOUT_S + 5)
        say(f"        {time.monotonic() - started_s:.1f} s until: {status.strip()}")
    with check(f"and watched again within {RETURN_LIMIT_S} s of its return"):
        STALL.unlink()
        started_s = time.monotonic()
        agent.hears("watching: ", 30)
        took_s = time.monotonic() - started_s
        say(f"        {took_s:.1f} s")
        holds(took_s <= RETURN_LIMIT_S, f"it took {took_s:.1f} s")
        agent.hears("in view")
    with check("it stops within 2 s"):
        took_s = agent.stop()
        say(f"        {took_s:.2f} s, status {agent.process.returncode}")
        holds(took_s < 2.0, f"it took {took_s:.1f} s")
        holds(agent.process.returncode == 0, LOG.read_text()[-2000:])
with check("it starts again"), running() as agent:
    agent.hears("[1-9] p(erson|eople) in view")
    STALL.touch()
    agent.hears("waiting for the camera", 4 * TIMEOUT_S + 5)
    took_s = agent.stop()
    STALL.unlink()
    say(f"        stopped in {took_s:.2f} s while the camera stalls")
    holds(took_s < 2.5, f"it took {took_s:.1f} s")
finish()
