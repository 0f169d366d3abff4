"""A flashed card's first boot: cloud-init reads the two files, and events arrive at the broker."""

from __future__ import annotations

import sys

from edge_agent.cli.clip import make_clip
from tests.system.harness import (
    ROOT,
    Workspace,
    base_system,
    boot_container,
    need,
    run,
    step,
    wheelhouse,
)

PACKAGES = (
    *("systemd-sysv", "dbus", "udev", "iproute2", "procps", "ca-certificates", "cloud-init"),
    *("git", "python3", "python3-venv", "mosquitto", "mosquitto-clients"),
)
PIP_OFFLINE = "[global]\nno-index = true\nfind-links = /mnt/wheels\n"
LIMIT_S = 900


def run_test(work: Workspace) -> None:
    need({"mmdebstrap": "mmdebstrap", "systemd-nspawn": "systemd-container", "git": "git"})
    base = base_system(work, "bookworm-card", "bookworm", PACKAGES)
    wheels = wheelhouse(work, "3.11")
    share = work.share("share")
    card = work.share("card")
    with step("the card's files, a clip for its camera, and what the board gets from elsewhere"):
        # The guest has no network: packages are there already, the rest comes from folders.
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
        run(*pip, "download", "--only-binary=:all:", "--dest", wheels, "hatchling")
        run("git", "clone", "--quiet", "--bare", ROOT, work.folder / "repository")
        run(
            *(sys.executable, ROOT / "deploy/cloud-init/make-card-files", "--output", card),
            *("--name", "porch", "--camera", "/mnt/share/clip.avi", "--position", "facing"),
            *("--broker", "127.0.0.1", "--broker-user", "porch", "--broker-password", "s3cret: #"),
            *("--wifi", "", "--repository", "file:///mnt/repository"),
        )
        (card / "meta-data").write_text("instance-id: first-boot\n")
        make_clip(share / "clip.avi")
        files = {"pip.conf": PIP_OFFLINE, "no-sources": "", "no-locale.cfg": "locale: false\n"}
        for name, text in files.items():
            (work.folder / name).write_text(text)
    with step("the first boot"):
        boot_container(
            base,
            share,
            "first_boot.py",
            {
                "/mnt/wheels": wheels,
                "/mnt/repository": work.folder / "repository",
                "/var/lib/cloud/seed/nocloud": card,
                "/etc/pip.conf": work.folder / "pip.conf",
                "/etc/apt/sources.list": work.folder / "no-sources",
                # The base system leaves out what locales are made of.
                "/etc/cloud/cloud.cfg.d/99-no-locale.cfg": work.folder / "no-locale.cfg",
            },
            LIMIT_S,
        )
