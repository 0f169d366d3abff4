"""The live table of `edge-agent watch` and `edge-agent demo`; needs rich."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from edge_agent.cli.view import (
    EVENTS_SHOWN,
    ID_DIGITS,
    REFRESH_PER_S,
    Json,
    Seen,
    event_line,
    gaze_in_words,
    leading_emotion,
)

COLUMNS = (
    ("who", 3),
    ("face", 6),
    ("expression", 5),
    ("smile", 2),
    ("looks", 3),
    ("direction", 3),
    ("in view", 2),
)
"""Headings and shares of the width, fixed so that the table stands still."""


@contextmanager
def live_table(seen: Seen) -> Iterator[LiveTable]:
    with Live(_drawn(seen), refresh_per_second=REFRESH_PER_S, transient=False) as live:
        yield LiveTable(seen, live)


class LiveTable:
    def __init__(self, seen: Seen, live: Live) -> None:
        self._seen = seen
        self._live = live

    def event(self, event: Json) -> None:
        self.refresh()

    def refresh(self) -> None:
        with self._seen.lock:
            self._live.update(_drawn(self._seen))


def _drawn(seen: Seen) -> Group:
    agents = "  ".join(f"{name}: {status}" for name, status in sorted(seen.agents.items()))
    lines = [event_line(event) for event in seen.events]
    lines += [""] * (EVENTS_SHOWN - len(lines))
    return Group(
        Text(agents or "waiting for an agent ...", style="dim"),
        _people(seen),
        Panel(Text("\n".join(lines)), title="events", title_align="left", border_style="dim"),
    )


def _people(seen: Seen) -> Table:
    table = Table(title=f"in view: {len(seen.entities)}", title_justify="left", expand=True)
    for heading, ratio in COLUMNS:
        table.add_column(heading, ratio=ratio, no_wrap=True)
    for entity_id, entity in seen.entities.items():
        x, y, width, height = entity["face_roi"]
        table.add_row(
            entity_id[:ID_DIGITS],
            f"{x},{y} {width} x {height}" if width else "",
            leading_emotion(entity),
            f"{entity['emotion_smiling_degree']:.0%}" if entity["emotion_confidence"] else "",
            gaze_in_words(entity),
            entity["direction"],
            f"{entity.get('dwell_s', 0):.0f} s",
        )
    return table
