"""python -m tests.system NAME: a test of the agent on a real system."""

from __future__ import annotations

import argparse
import importlib
import sys
import time

from tests.system.harness import SystemTestError, need_root, say, workspace

NAMES = {
    "systemd": "install, start, fail, reload, upgrade and remove under systemd, in a container",
    "arm64": "install from wheels on arm64 and find the faces that x86 finds, emulated",
    "camera": "lose a kernel camera in every way and get it back, in a virtual machine",
    "card": "flash, boot, and events arrive: cloud-init's first boot, in a container",
    "picamera2": "the real picamera2 on libcamera's virtual camera, in a container",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/test-system")
    parser.add_argument(
        "name",
        choices=NAMES,
        metavar="NAME",
        help="; ".join(f"{name}: {what}" for name, what in NAMES.items()),
    )
    name = parser.parse_args().name
    say(f"{name}: {NAMES[name]}")
    started_s = time.monotonic()
    try:
        need_root()
        with workspace() as work:
            importlib.import_module(f"tests.system.{name}").run_test(work)
    except SystemTestError as error:
        say(f"FAILED  {name} after {time.monotonic() - started_s:.0f} s: {error}")
        return 1
    say(f"passed  {name} in {time.monotonic() - started_s:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
