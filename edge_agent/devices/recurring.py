"""Saying once what happens over and over."""

from __future__ import annotations

import logging


class Trouble:
    """A failure that may repeat: warns the first time, whispers then, and says when it is over.

    Failures that take turns are each warned of once.
    """

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._told = ""
        self._warned: set[str] = set()
        self._count = 0

    @property
    def is_on(self) -> bool:
        return self._count > 0

    @property
    def what(self) -> str:
        """What happened last; empty when it is over."""
        return self._told

    def happened(self, what: str) -> None:
        self._count += 1
        level = logging.DEBUG if what in self._warned else logging.WARNING
        self._told = what
        self._warned.add(what)
        self._log.log(level, "%s", what)

    def is_over(self, what: str) -> None:
        if self.is_on:
            self._log.info("%s", what)
        self._told, self._count = "", 0
        self._warned.clear()
