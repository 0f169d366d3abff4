"""The service's whole life under a real systemd, in a container."""

from __future__ import annotations

from edge_agent.cli.clip import make_clip
from tests.system.harness import (
    ROOT,
    Workspace,
    base_system,
    boot_container,
    need,
    step,
    wheelhouse,
)

PACKAGES = (
    *("systemd-sysv", "dbus", "udev", "iproute2", "procps", "ca-certificates"),
    *("python3", "python3-venv", "mosquitto", "mosquitto-clients"),
)
LIMIT_S = 900


def run_test(work: Workspace) -> None:
    need({"mmdebstrap": "mmdebstrap", "systemd-nspawn": "systemd-container"})
    base = base_system(work, "bookworm-service", "bookworm", PACKAGES)
    wheels = wheelhouse(work, "3.11")
    share = work.share("share")
    with step("a clip of one visit"):
        make_clip(share / "clip.avi")
    with step("the life of the service"):
        boot_container(
            base,
            share,
            "service_life.py",
            {"/mnt/project": ROOT, "/mnt/wheels": wheels},
            LIMIT_S,
        )
