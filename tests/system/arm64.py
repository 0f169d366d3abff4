"""The boards' processor, emulated: installs from wheels alone, and finds the faces x86 finds."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from skimage import data

from tests.system.harness import (
    SystemTestError,
    Workspace,
    base_system,
    mirror,
    need,
    run,
    say,
    step,
    wheelhouse,
)

SYSTEMS = {"bookworm": "3.11", "trixie": "3.13"}
PACKAGES = ("python3", "libstdc++6", "libgcc-s1", "libatomic1")
EMULATOR_SUITE = "trixie"
"""The emulator of Debian 12 crashes in the model runtime; that of 13 does not."""
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
BOX_TOLERANCE, PROBABILITY_TOLERANCE = 1, 0.02
SITE = "opt/site"

Document = dict[str, Any]


def run_test(work: Workspace) -> None:
    need({"mmdebstrap": "mmdebstrap", "unshare": "util-linux"})
    emulator = _emulator(work)
    picture = work.folder / "faces.png"
    cv2.imwrite(str(picture), _faces())
    with step("the faces that x86 finds"):
        expected = _document(run(sys.executable, "-m", "edge_agent", "analyze", picture))
        say(f"        {expected['nb_faces']} faces")
    if expected["nb_faces"] < 2:
        raise SystemTestError("x86 itself finds fewer than two faces: nothing to compare")
    for suite, python in SYSTEMS.items():
        base = _board(work, suite)
        _install(work, base, python)
        with step(f"edge-agent analyze on arm64, Debian {suite}, Python {python}"):
            shutil.copy(picture, base / "tmp/faces.png")
            shutil.copy(emulator, base / "usr/local/bin/qemu-aarch64")
            found = _document(_emulated(base, "-m", "edge_agent", "analyze", "/tmp/faces.png"))
        _compare(expected, found)


def _faces() -> np.ndarray:
    """The portrait of an astronaut (public domain), at three sizes."""
    portrait = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)
    canvas = np.full((512, 1000, 3), 90, np.uint8)
    canvas[:, :512] = portrait
    canvas[200:500, 530:830] = cv2.resize(portrait, (300, 300), interpolation=cv2.INTER_AREA)
    canvas[20:170, 840:990] = cv2.resize(portrait, (150, 150), interpolation=cv2.INTER_AREA)
    return canvas


def _emulator(work: Workspace) -> Path:
    """QEMU's user-mode emulator of a newer Debian than this machine may have, taken out of it."""
    kept = work.cache / "qemu-aarch64"
    if kept.exists():
        return kept
    with step(f"the emulator of Debian {EMULATOR_SUITE}"), tempfile.TemporaryDirectory() as at:
        folder = Path(at)
        for part in ("lists/partial", "cache/archives/partial"):
            (folder / part).mkdir(parents=True)
        (folder / "status").touch()
        sources = folder / "sources.list"
        sources.write_text(f"deb [signed-by={KEYRING}] {mirror()} {EMULATOR_SUITE} main\n")
        options = {
            "Dir::Etc::sourcelist": sources,
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::State::lists": folder / "lists",
            "Dir::State::status": folder / "status",
            "Dir::Cache": folder / "cache",
            "APT::Sandbox::User": "root",
            "Acquire::Check-Valid-Until": "false",
            "Acquire::Check-Date": "false",
        }
        apt = ("apt-get", "-qq", *(f"-o{key}={value}" for key, value in options.items()))
        run(*apt, "update")
        run(*apt, "download", "qemu-user", cwd=folder)
        (package,) = folder.glob("qemu-user_*.deb")
        run("dpkg-deb", "--extract", package, folder / "unpacked")
        shutil.copy(folder / "unpacked/usr/bin/qemu-aarch64", kept)
    return kept


def _board(work: Workspace, suite: str) -> Path:
    """A copy of an arm64 Debian whose packages are unpacked and not configured: that needs no
    emulation, and Python runs."""
    base = base_system(
        work, f"{suite}-arm64", suite, PACKAGES, ("--arch=arm64", "--variant=extract")
    )
    copy = work.folder / f"{suite}-arm64"
    run("cp", "-a", base, copy)
    if not (copy / "lib").exists():
        (copy / "lib").symlink_to("usr/lib")
    for folder in ("proc", "sys", "dev", "tmp", "root", "usr/local/bin"):
        (copy / folder).mkdir(parents=True, exist_ok=True)
    return copy


def _install(work: Workspace, base: Path, python: str) -> None:
    wheels = wheelhouse(work, python, "aarch64")
    built = {path.suffix for path in wheels.iterdir()}
    if built != {".whl"}:
        raise SystemTestError(f"not wheels alone: {built}")
    with step(f"installation from {len(list(wheels.iterdir()))} wheels"):
        for wheel in wheels.glob("*.whl"):
            run(sys.executable, "-m", "zipfile", "--extract", wheel, base / SITE)


def _emulated(base: Path, *arguments: str) -> str:
    """What Python prints in there; its mounts are its own and go with it."""
    script = (
        'cd "$0" && mount -t proc proc proc && mount -t sysfs -o ro sysfs sys && '
        "mount --bind /dev dev && exec env -i PATH=/usr/bin:/bin HOME=/root "
        f"PYTHONPATH=/{SITE} PYTHONDONTWRITEBYTECODE=1 QEMU_CPU=cortex-a72 "
        '/usr/sbin/chroot . /usr/local/bin/qemu-aarch64 /usr/bin/python3 "$@"'
    )
    return run("unshare", "--mount", "sh", "-c", script, base, *arguments, timeout_s=900)


def _document(said: str) -> Document:
    """The document is the last line; the runtime may say something before."""
    document: Document = json.loads(said.strip().splitlines()[-1])
    return document


def _compare(expected: Document, found: Document) -> None:
    if expected["nb_faces"] != found["nb_faces"]:
        raise SystemTestError(f"{found['nb_faces']} faces, on x86 {expected['nb_faces']}")
    pixels = probability = 0.0
    for one, other in zip(expected["faces"], found["faces"], strict=True):
        boxes = zip(one["roi"], other["roi"], strict=True)
        pixels = max(pixels, *(abs(a - b) for a, b in boxes))
        shared = one.keys() - {"roi"}
        probability = max(probability, *(abs(one[key] - other[key]) for key in shared))
    say(f"        boxes differ by {pixels:g} pixels at most, probabilities by {probability:.4f}")
    if pixels > BOX_TOLERANCE or probability > PROBABILITY_TOLERANCE:
        raise SystemTestError(f"the faces differ:\nx86   {expected}\narm64 {found}")
