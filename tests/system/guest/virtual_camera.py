"""The agent on libcamera's virtual camera, which lacks some of what picamera2 counts on.

Run in the place of `edge-agent`, with its arguments. While the file STALL exists, no completed
request reaches picamera2: as with a sensor that hangs.
"""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

STALL = Path("/tmp/stall")


# The preview on a screen, which nobody starts here, wants kms++.
class AnyFormat:
    def __getattr__(self, name: str) -> str:
        return name


kms = types.ModuleType("pykms")
kms.PixelFormat = AnyFormat()  # type: ignore[attr-defined]
sys.modules["pykms"] = kms

import libcamera  # noqa: E402 - the stand-in above must come first
from picamera2 import Picamera2, picamera2  # noqa: E402
from picamera2.allocators import LibcameraAllocator  # noqa: E402

open_camera = Picamera2.__init__
raw_modes = Picamera2._get_raw_modes
handle_request = picamera2.CameraManager.handle_request


def open_with_its_own_buffers(self: Picamera2, *args: Any, **options: Any) -> None:
    """A board takes buffers from a heap in /dev; here libcamera makes them."""
    open_camera(self, *args, **options)
    self.allocator = LibcameraAllocator(self.camera)


def modes_without_raw(self: Picamera2) -> Any:
    """The virtual camera has no raw stream."""
    if self.camera.generate_configuration([libcamera.StreamRole.Raw]) is not None:
        return raw_modes(self)
    formats = (
        self.camera.generate_configuration([libcamera.StreamRole.VideoRecording]).at(0).formats
    )
    return [
        {"format": str(form), "size": (size.width, size.height)}
        for form in formats.pixel_formats
        for size in formats.sizes(form)
    ]


def handle_unless_stalled(self: Any, *args: Any) -> None:
    if STALL.exists():
        self.cms.get_ready_requests()  # lost: no buffer comes back, and none is filled any more
    else:
        handle_request(self, *args)


picamera2.DmaAllocator = types.SimpleNamespace  # which opens a heap of the board's
Picamera2.__init__ = open_with_its_own_buffers
Picamera2._get_raw_modes = modes_without_raw
picamera2.CameraManager.handle_request = handle_unless_stalled

if __name__ == "__main__":
    from edge_agent.cli import main

    sys.exit(main())
