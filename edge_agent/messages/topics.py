"""The names under which everything is published."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one camera of one device."""

    base: str
    device: str
    camera: str

    @property
    def status(self) -> str:
        return f"{self.base}/{self.device}/status"

    @property
    def scene(self) -> str:
        return f"{self._camera}/scene"

    @property
    def event(self) -> str:
        return f"{self._camera}/event"

    @property
    def count(self) -> str:
        return f"{self._camera}/count"

    @property
    def entities(self) -> str:
        """The filter that matches the topic of every entity."""
        return f"{self._camera}/entity/+"

    def entity(self, entity_id: UUID) -> str:
        return f"{self._camera}/entity/{entity_id}"

    @property
    def _camera(self) -> str:
        return f"{self.base}/{self.device}/{self.camera}"
