"""Sampling of a source's rows: the first ones, or random ones, as the source's output says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sagewright.wrangler.flows import Node

FIRST = "sample_by_limit"
_DRAWN = ("sample_by_count", "sample_by_ratio", "sample_by_stratified")
METHODS = (FIRST, *_DRAWN)
DEFAULT_ROWS = 50_000


@dataclass(frozen=True)
class SourceSampling:
    """`rows`: how many rows to take, or None where `share` says which part; `column`: the one to stratify by, or ""."""

    method: str
    rows: int | None
    share: float | None
    column: str

    def size(self, total: int) -> int:
        """Returns how many of `total` rows to take."""
        wanted = DEFAULT_ROWS if self.rows is None else self.rows
        return min(total, wanted if self.share is None else round(total * self.share))

    def words(self) -> str:
        if self.method == FIRST:
            return f"the first {self.size(self.rows or DEFAULT_ROWS):,} rows"
        size = f"{self.rows or DEFAULT_ROWS:,} rows" if self.share is None else f"{self.share:.0%} of the rows"
        return f"{size}, drawn" + (f" within each {self.column}" if self.column else "")


def sampling_of(node: Node) -> SourceSampling:
    """Returns the sampling of a source; an invalid value counts as absent."""
    found = node.outputs[0].get("sampling") if node.outputs else None
    given: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
    method = str(given.get("sampling_method") or FIRST)[:100]
    share = given.get("sample_ratio")
    is_share = method != FIRST and isinstance(share, int | float) and not isinstance(share, bool) and 0 <= share <= 1
    rows = _count(given.get("limit_rows" if method == FIRST else "sample_size"))
    column = given.get("stratify_column") or given.get("column")
    by = column if method in _DRAWN and isinstance(column, str) else ""
    return SourceSampling(method, rows, float(share) if is_share and share is not None and rows is None else None, by)


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
