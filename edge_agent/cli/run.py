"""edge-agent run: the daemon."""

from __future__ import annotations

import argparse
import logging
import os
import signal
from types import FrameType
from typing import Any

from edge_agent.agent import Agent, Prepared, build, prepare
from edge_agent.cli import INTERRUPTED, logs
from edge_agent.cli.options import add_broker, add_config, add_preset, settings_of
from edge_agent.devices.systemd import Notifier
from edge_agent.settings import Settings

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    add_preset(parser)
    add_broker(parser)
    parser.add_argument(
        "--camera", metavar="SOURCE", help="in the place of the configuration's camera.source"
    )
    parser.add_argument(
        "--fast", action="store_true", help="work through a file as fast as possible"
    )


def run(arguments: argparse.Namespace) -> int:
    """One agent after the other: each reload that is accepted makes a new one."""
    signals = _Signals()
    configuration = _Configuration(arguments)
    notifier = Notifier()
    while True:
        agent = build(configuration.prepared, notifier, configuration.reread)
        signals.steer(agent)
        summary = agent.run()
        if not agent.is_to_reload:
            break
        log.info("the configuration is read anew; until then: %s", summary)
    log.info("done: %s", summary)
    return 0


class _Configuration:
    """What the file and the options say, and all that was made ready from it."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        settings = self._read()
        logs.set_up(settings.logging.level)
        self.prepared: Prepared = prepare(settings)

    def reread(self) -> None:
        """Take what the file says now; raises AgentError, and keeps what it has, if it is wrong."""
        self.prepared = prepare(self._read())
        logs.set_up(self.prepared.settings.logging.level)

    def _read(self) -> Settings:
        camera: dict[str, Any] = {}
        if self._arguments.camera is not None:
            camera["source"] = self._arguments.camera
        if self._arguments.fast:
            camera["pace"] = "fast"
        return settings_of(self._arguments, **({"camera": camera} if camera else {}))


class _Signals:
    """SIGHUP reloads; the first SIGTERM or SIGINT stops cleanly; a second SIGINT ends at once."""

    def __init__(self) -> None:
        self._agent: Agent | None = None
        self._is_stopping = False
        # Nothing runs yet that could be reloaded or stopped cleanly.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def steer(self, agent: Agent) -> None:
        """From now on the signals go to this agent."""
        self._agent = agent
        signal.signal(signal.SIGTERM, self._on_stop)
        if self._is_stopping:
            agent.stop()
        else:
            signal.signal(signal.SIGINT, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_reload)

    def _on_stop(self, number: int, _: FrameType | None) -> None:
        self._is_stopping = True
        signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
        log.info("%s: stopping", signal.Signals(number).name)
        if self._agent is not None:
            self._agent.stop()

    def _on_reload(self, _: int, __: FrameType | None) -> None:
        if self._agent is not None:
            self._agent.reload()
