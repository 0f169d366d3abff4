"""For scripts inside a guest, which has nothing but its own Python: doing, waiting, judging."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

Value = TypeVar("Value")
UNIT = "edge-agent.service"
failures: list[str] = []


class FailedError(Exception):
    """A check that does not hold."""


@contextmanager
def check(what: str) -> Iterator[None]:
    """One line for one thing that must hold; the others go on when it does not."""
    started_s = time.monotonic()
    try:
        yield
    except (FailedError, subprocess.SubprocessError, OSError, ValueError) as error:
        failures.append(what)
        say(f"FAILED  {what} ({time.monotonic() - started_s:.1f} s): {error}")
        if shutil.which("journalctl"):
            say(text_of("journalctl", "-u", "edge-agent*", "-n", "15", "--no-pager", "-o", "cat"))
    else:
        say(f"ok      {what} ({time.monotonic() - started_s:.1f} s)")


def finish() -> None:
    if failures:
        say(f"{len(failures)} failed: {'; '.join(failures)}")
    sys.exit(bool(failures))


def say(text: str) -> None:
    print(text, flush=True)


def do(*command: str, timeout_s: float = 300) -> str:
    """What it prints; raises FailedError where it ends with another status than 0."""
    ran = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=timeout_s,
        check=False,
    )
    if ran.returncode != 0:
        raise FailedError(f"{' '.join(command)} ended with {ran.returncode}: {ran.stdout[-1500:]}")
    return ran.stdout


def text_of(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def holds(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise FailedError(otherwise)


def wait_for(what: str, get: Callable[[], Value], timeout_s: float = 30) -> Value:
    """The first true value of `get`."""
    deadline_s = time.monotonic() + timeout_s
    while not (value := get()):
        if time.monotonic() > deadline_s:
            raise FailedError(f"waited {timeout_s:.0f} s for {what}, in vain")
        time.sleep(0.1)
    return value


def property_of(name: str, unit: str = UNIT) -> str:
    return text_of("systemctl", "show", unit, "--property", name, "--value").strip()


def status_of(unit: str = UNIT) -> str:
    return property_of("StatusText", unit)


def wait_for_status(part: str, unit: str = UNIT, timeout_s: float = 30) -> str:
    try:
        return wait_for(
            f"the status {part!r}", lambda: part in (s := status_of(unit)) and s, timeout_s
        )
    except FailedError as error:
        raise FailedError(f"{error}; it is {status_of(unit)!r}") from None


def messages(topic: str, count: int, timeout_s: float = 30, *options: str) -> list[Any]:
    """The next messages on a topic of the local broker, JSON where they are."""
    said = text_of(
        *("mosquitto_sub", "-h", "127.0.0.1", "-t", topic, "-C", str(count)),
        *("-W", str(int(timeout_s)), *options),
    )
    return [_parsed(line) for line in said.splitlines()]


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return line


def journal(unit: str = UNIT) -> list[dict[str, Any]]:
    said = text_of("journalctl", "-u", unit, "-o", "json", "--no-pager")
    return [json.loads(line) for line in said.splitlines()]


def wait_for_boot() -> None:
    """systemd itself says when it is done; 'degraded' is some unit that is none of ours."""
    wait_for(
        "the system",
        lambda: (
            text_of("systemctl", "is-system-running").strip() in {"running", "degraded", "starting"}
        ),
        60,
    )
