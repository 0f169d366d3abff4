"""Telling systemd how the service is: the notification protocol of sd_notify(3)."""

from __future__ import annotations

import os
import socket
import time


class Notifier:
    """Sends states to the service manager; does nothing where none has asked for them."""

    def __init__(self, environment: dict[str, str] | None = None) -> None:
        environment = dict(os.environ) if environment is None else environment
        self._address = environment.get("NOTIFY_SOCKET", "")
        watchdog_us = environment.get("WATCHDOG_USEC", "")
        self._pat_interval_s = int(watchdog_us) / 3e6 if watchdog_us.isdigit() else None
        self._patted_s = float("-inf")
        self._status = ""

    def ready(self) -> None:
        self._send("READY=1")

    def reloading(self) -> None:
        """The configuration is being read anew; `ready` is to follow, however that ends."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """One line for people, shown by `systemctl status`; sent when it has changed."""
        if text != self._status:
            self._status = text
            # A line break would begin another field of the message.
            self._send(f"STATUS={' '.join(text.split())}")

    def pat(self) -> None:
        """Feed the watchdog: call after real work only. At most three times per its period."""
        now_s = time.monotonic()
        if self._pat_interval_s is not None and now_s - self._patted_s >= self._pat_interval_s:
            self._patted_s = now_s
            self._send("WATCHDOG=1")

    def _send(self, state: str) -> None:
        if not self._address:
            return
        # A leading @ stands for the abstract name space (unix(7)).
        name = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            try:
                channel.sendto(state.encode(), name)
            except OSError:
                return
