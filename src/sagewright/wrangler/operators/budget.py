"""Limits of the memory of a step."""

from __future__ import annotations

from dataclasses import dataclass

GIB = 1 << 30


@dataclass(frozen=True)
class MemoryBudget:
    """`spill_bytes`: memory that sorts and queries use before they use the disk; `whole_bytes`: memory for a step that needs a
    whole table."""

    spill_bytes: int
    whole_bytes: int
