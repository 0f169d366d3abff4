"""The commands, one module each; imported when chosen, so that each starts quickly."""

from __future__ import annotations

import argparse
import importlib
import os
import sys

from edge_agent import __version__
from edge_agent.domain.errors import AgentError

COMMANDS = {
    "run": "read the camera and publish what happens (the daemon)",
    "demo": "show it all at once: a broker, the agent on a clip, and what is published",
    "check": "look over configuration, models, camera and broker",
    "analyze": "print the documents of a picture or a video",
    "watch": "show entities and events from a broker as they come",
}
INTERRUPTED = 130
BROKEN_PIPE = 141
IO_ERROR = 74


def main(argv: list[str] | None = None) -> int:
    """Run one command; the exit status is 0, or says what went wrong (as in sysexits.h)."""
    parser = argparse.ArgumentParser(
        prog="edge-agent",
        description="Reads a camera on an edge board and publishes who is in view over MQTT.",
    )
    parser.add_argument("--version", action="version", version=f"edge-agent {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    arguments_of = sys.argv[1:] if argv is None else argv
    chosen = next((word for word in arguments_of if not word.startswith("-")), None)
    for name, summary in COMMANDS.items():
        sub = commands.add_parser(name, help=summary, description=summary[:1].upper() + summary[1:])
        if name == chosen:
            importlib.import_module(f"edge_agent.cli.{name}").add_arguments(sub)
    arguments = parser.parse_args(arguments_of)
    command = importlib.import_module(f"edge_agent.cli.{arguments.command}")
    try:
        status: int = command.run(arguments)
        sys.stdout.flush()
        return status
    except AgentError as error:
        print(f"edge-agent: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has gone; without this Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except OSError as error:  # such as a full disk below standard output
        print(
            f"edge-agent: {error.filename or 'output'}: {error.strerror or error}", file=sys.stderr
        )
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return IO_ERROR
