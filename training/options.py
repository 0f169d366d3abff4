"""The options that every training has."""

from __future__ import annotations

import argparse
from pathlib import Path

from training.publish import MODELS


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
