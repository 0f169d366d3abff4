"""What the commands that measure a model file have in common."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

COST = {
    "file": "{megabytes:8.2f} MB",
    "multiply-accumulates": "{millions:8.1f} million",
}


def evaluation_parser(task: str, **files: str) -> argparse.ArgumentParser:
    """Of `python -m training.evaluate TASK`: an option for each file, with its help, --model and
    --json."""
    parser = argparse.ArgumentParser(prog=f"python -m training.evaluate {task}")
    for name, what in files.items():
        parser.add_argument(f"--{name}", type=Path, required=True, help=what)
    parser.add_argument("--model", default=task, help="name in the manifest, or a .tflite")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def tell(figures: Mapping[str, float], lines: Mapping[str, str], *, as_json: bool) -> None:
    """Print figures as one JSON object, or as `lines` with what the model costs."""
    if as_json:
        print(json.dumps(figures))
        return
    cost = {"megabytes": figures["bytes"] / 1e6, "millions": figures["macs"] / 1e6}
    print_lines({**figures, **cost}, {**lines, **COST})


def print_lines(figures: Mapping[str, float], lines: Mapping[str, str]) -> None:
    """A line for each of `lines`: what it says, and its figures, a format string by their names."""
    width = max(map(len, lines)) + 1
    for what, value in lines.items():
        print(f"{what:{width}s}{value.format(**figures)}")
