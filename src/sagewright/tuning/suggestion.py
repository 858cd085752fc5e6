"""A searcher's output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Suggestion:
    values: Mapping[str, str]
    continues: int | None = None
    """The trial from whose checkpoint it continues."""
    until: int | None = None
    """Pause the trial after this many emitted objectives, including those of the trial that it continues; None: run to the end."""

    def document(self) -> dict[str, Any]:
        return {"values": dict(self.values), "continues": self.continues, "until": self.until}

    @classmethod
    def read(cls, document: dict[str, Any]) -> Suggestion:
        return cls(**document)
