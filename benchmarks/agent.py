"""How fast the daemon is: python -m benchmarks.agent [--clip FILE] [--runs N] [--json]

Runs `edge-agent run` on the built-in clip (640 x 480, one person) as fast as it goes, without a
broker, and prints the time to READY, frames per second and the peak of resident memory, each the
median of the runs.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from edge_agent.cli.clip import make_clip

CLOSED_PORT = 1
"""Nothing listens there: the broker stays away."""
READY_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Run:
    ready_s: float
    frames_per_s: float
    peak_mb: float


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.agent")
    parser.add_argument("--clip", type=Path, help="a video (default: the built-in clip)")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = arguments.clip or folder / "clip.avi"
        if arguments.clip is None:
            make_clip(clip)
        runs = [measured(clip.resolve(), folder) for _ in range(arguments.runs)]
    middle = Run(*(statistics.median(values) for values in zip(*map(_numbers, runs), strict=True)))
    if arguments.json:
        print(json.dumps(asdict(middle)))
        return
    print(f"ready after       {middle.ready_s:7.2f} s")
    print(f"frames per second {middle.frames_per_s:7.1f}")
    print(f"resident memory   {middle.peak_mb:7.1f} MB at its peak")


def measured(clip: Path, folder: Path) -> Run:
    configuration = folder / "edge-agent.yaml"
    configuration.write_text(
        f"camera: {{source: '{clip}', pace: fast}}\n"
        f"mqtt: {{host: 127.0.0.1, port: {CLOSED_PORT}, outbox: {{directory: '{folder}'}}}}\n"
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
        notices.bind(str(folder / "notify"))
        notices.settimeout(READY_TIMEOUT_S)
        started_s = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "edge_agent", "run", "--config", str(configuration)],
            env={**os.environ, "NOTIFY_SOCKET": str(folder / "notify")},
            stderr=subprocess.PIPE,
            text=True,
        )
        while b"READY=1" not in notices.recv(4096):
            pass
        ready_s = time.monotonic() - started_s
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
    (folder / "notify").unlink()
    rate = re.search(r"\(([\d.]+) a second\)", said)
    if status != 0 or rate is None:
        raise SystemExit(f"the daemon failed:\n{said}")
    return Run(ready_s, float(rate[1]), usage.ru_maxrss / 1024)


def _numbers(run: Run) -> tuple[float, float, float]:
    return run.ready_s, run.frames_per_s, run.peak_mb


if __name__ == "__main__":
    main()
