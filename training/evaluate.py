"""Measure a model file: python -m training.evaluate MODEL --help

Each measures on the engine and the pre-processing that the daemon uses.
"""

from __future__ import annotations

import importlib
import sys

TASKS = ("demographics", "expression", "face_geometry", "people")


def main(argv: list[str]) -> int:
    if not argv or argv[0] not in TASKS:
        print(f"usage: python -m training.evaluate {{{','.join(TASKS)}}} ...", file=sys.stderr)
        return 0 if argv[:1] in (["-h"], ["--help"]) else 2
    module = importlib.import_module(f"training.{argv[0]}.evaluate")
    module.main(argv[1:])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
