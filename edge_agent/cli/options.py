"""Options that several commands share, and how they override the configuration file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from edge_agent.devices.config_file import default_path, read_settings
from edge_agent.domain.errors import ConfigurationError
from edge_agent.settings import Settings


def add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-c",
        "--config",
        type=Path,
        metavar="FILE",
        help="configuration file (default: /etc/edge-agent/edge-agent.yaml if it is there)",
    )


def add_preset(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--camera-position",
        choices=("facing", "ceiling"),
        help="preset, in the place of the configuration's camera_position",
    )


def add_broker(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--broker", metavar="HOST[:PORT]", help="in the place of the configuration's mqtt.host"
    )


def settings_of(arguments: argparse.Namespace, **overrides: Any) -> Settings:
    """The settings of the named, or else the default, file, under the options given."""
    values: dict[str, Any] = dict(overrides)
    if getattr(arguments, "camera_position", None):
        values["camera_position"] = arguments.camera_position
    if getattr(arguments, "broker", None):
        values["mqtt"] = {**values.get("mqtt", {}), **broker_address(arguments.broker)}
    return read_settings(arguments.config or default_path(), values)


def broker_address(text: str) -> dict[str, Any]:
    """Host and, where it was named, port, as the section `mqtt` has them."""
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]") or (":" in host and not host.startswith("[")):
        return {"host": text.strip("[]")}  # an IPv6 address has a port behind brackets only
    host = host.strip("[]")
    if not (port.isascii() and port.isdigit()):
        raise ConfigurationError(f"--broker {text}: the port should be a number, as in host:1883")
    return {"host": host, "port": int(port)}
