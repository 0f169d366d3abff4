"""The options that every training has."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from training.publish import MODELS


class Named(Protocol):
    """A stage of a training."""

    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=Named)


def parser_for(
    name: str, description: str | None, *, data: str, threads: int = 1
) -> argparse.ArgumentParser:
    """With --data, of which `data` says what it is, --run, --models and --threads."""
    parser = argparse.ArgumentParser(prog=f"python -m training.{name}", description=description)
    parser.add_argument("--data", type=Path, help=data)
    parser.add_argument(
        "--run",
        type=Path,
        default=Path("training/runs") / name,
        help="folder of checkpoints (default: %(default)s)",
    )
    parser.add_argument("--models", type=Path, default=MODELS, help="folder that gets the model")
    parser.add_argument(
        "--threads", type=int, default=threads, help="CPU threads (default: %(default)s)"
    )
    return parser


def add_after(parser: argparse.ArgumentParser, stages: Sequence[Named]) -> None:
    """Add --after, by which a training of several stages begins behind one of them."""
    parser.add_argument(
        "--after",
        choices=[stage.name for stage in stages],
        help="go on behind this stage from the file that is shipped, without a checkpoint of it",
    )


def behind(stages: Sequence[N], name: str) -> Sequence[N]:
    """The stages that follow the one called `name`."""
    return stages[[stage.name for stage in stages].index(name) + 1 :]
