"""The real picamera2 on the real libcamera, whose virtual camera shows the picture of a face."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from skimage import data

from tests.system.harness import (
    GUEST,
    Workspace,
    base_system,
    in_container,
    need,
    run,
    say,
    step,
    wheelhouse,
)

PACKAGES = (
    *("python3", "python3-venv", "python3-libcamera", "libcamera-ipa", "python3-prctl"),
    *("python3-numpy", "python3-pil", "python3-jsonschema", "python3-libarchive-c"),
    *("python3-tqdm", "gcc", "libc6-dev", "libpython3-dev"),
)
PICAMERA2 = "picamera2==0.3.38"
PYTHON = "3.13"
ITS_WHEELS = ("simplejpeg", "OpenEXR", "piexif", "videodev2", "av", "setuptools")
ITS_SOURCES = ("PiDNG==4.0.9",)
PRELOADED = "/usr/local/lib/udmabuf.so"
CAMERA = """\
%YAML 1.1
---
"Virtual0":
  supported_formats:
  - {width: 1280, height: 720, frame_rates: [15, 15]}
  - {width: 640, height: 360, frame_rates: [15, 15]}
  frames:
    path: "/opt/picture/0.jpg"
    scale_mode: "fill"
  location: "CameraLocationFront"
  model: "imx219"
"""


def run_test(work: Workspace) -> None:
    need({"mmdebstrap": "mmdebstrap", "systemd-nspawn": "systemd-container"})
    base = base_system(work, "trixie-libcamera", "trixie", PACKAGES)
    wheels = wheelhouse(work, PYTHON)
    with step("picamera2 and what it needs"):
        _download(wheels)
    system = work.folder / "system"
    with step("a system with agent, picamera2 and camera"):
        run("cp", "-a", base, system)
        _furnish(system)
        _install(system, wheels)
    with step("faces before the camera"):
        said = in_container(
            system,
            {"/mnt/guest": GUEST},
            *("/bin/sh", "-c"),
            f"cd /mnt/guest && exec env LD_PRELOAD={PRELOADED} PYTHONDONTWRITEBYTECODE=1 "
            "LIBCAMERA_LOG_LEVELS=*:ERROR /opt/cam/bin/python picamera_faces.py 2>&1",
        )
        say(said.rstrip())


def _download(wheels: Path) -> None:
    """picamera2 and PiDNG are no wheels: the one is made here, the other compiled in there."""
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    download = (*pip, "download", "--no-deps", "--dest", wheels)
    run(*download, "--only-binary=:all:", f"--python-version={PYTHON}", *ITS_WHEELS)
    run(*download, "--no-binary=:all:", *ITS_SOURCES)
    run(*pip, "wheel", "--no-deps", "--wheel-dir", wheels, PICAMERA2)


def _furnish(system: Path) -> None:
    run(
        *("gcc", "-shared", "-fPIC", "-O2", "-Wall", "-o", f"{system}{PRELOADED}"),
        *(GUEST / "udmabuf.c", "-ldl"),
    )
    camera = system / "usr/share/libcamera/pipeline/virtual/virtual.yaml"
    camera.parent.mkdir(parents=True, exist_ok=True)
    camera.write_text(CAMERA)
    pictures = system / "opt/picture"
    pictures.mkdir(parents=True)
    cv2.imwrite(str(pictures / "0.jpg"), _picture())


def _picture() -> np.ndarray:
    """The portrait of an astronaut (public domain) before a warm wall."""
    portrait = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)
    wall = np.full((720, 1280, 3), (70, 110, 170), np.uint8)
    wall[104:616, 384:896] = portrait
    return wall


def _install(system: Path, wheels: Path) -> None:
    script = (
        "python3 -m venv --system-site-packages /opt/cam && "
        "/opt/cam/bin/pip install -q --no-index --find-links /mnt/wheels setuptools && "
        "/opt/cam/bin/pip install -q --no-index --no-build-isolation --find-links /mnt/wheels "
        "edge-agent picamera2"
    )
    in_container(system, {"/mnt/wheels": wheels}, "/bin/sh", "-c", script)
