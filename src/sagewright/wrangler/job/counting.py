"""Counts the rows of each step while they stream by, once: evaluations that only inspect them are not counted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

import polars as pl

from sagewright.wrangler.flows import Node


@dataclass
class RowCounter:
    """`final`: rows by node and port, of the first recorded evaluation that reached it."""

    final: dict[tuple[str, str], int] = field(default_factory=dict)
    columns: dict[tuple[str, str], int] = field(default_factory=dict)
    _current: dict[tuple[str, str], int] | None = None
    _lock: Lock = field(default_factory=Lock)

    def watch(self, node: Node, port: str, frame: pl.LazyFrame) -> pl.LazyFrame:
        """Returns a frame that counts its rows."""
        key = (node.node_id, port)
        self.columns[key] = len(frame.collect_schema())

        def counted(batch: pl.DataFrame) -> pl.DataFrame:
            with self._lock:
                if self._current is not None:
                    self._current[key] = self._current.get(key, 0) + len(batch)
            return batch

        return frame.map_batches(counted, streamable=True, projection_pushdown=True)

    @contextmanager
    def recording(self) -> Iterator[None]:
        self._current = {}
        try:
            yield
        finally:
            found, self._current = self._current, None
            for key, rows in found.items():
                self.final.setdefault(key, rows)
