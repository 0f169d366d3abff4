"""edge-agent run: the daemon."""

from __future__ import annotations

import argparse
import logging
import os
import signal
from types import FrameType

from edge_agent.agent import Agent, build
from edge_agent.cli import logs
from edge_agent.cli.options import add_broker, add_config, add_preset, settings_of

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
    camera = {}
    if arguments.camera is not None:
        camera["source"] = arguments.camera
    if arguments.fast:
        camera["pace"] = "fast"
    settings = settings_of(arguments, **({"camera": camera} if camera else {}))
    logs.set_up(settings.logging.level)
    agent = build(settings)
    _stop_on_signals(agent)
    log.info("done: %s", agent.run())
    return 0


def _stop_on_signals(agent: Agent) -> None:
    """The first SIGTERM or SIGINT stops cleanly; a second SIGINT ends at once."""

    def on_signal(number: int, _: FrameType | None) -> None:
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
        log.info("%s: stopping", signal.Signals(number).name)
        agent.stop()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
