"""The rows that stand for coalitions of a row's pieces of text and other features."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sagewright.clarify.configuration.methods import TextSettings
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.shap.coalitions import Masks
from sagewright.clarify.shap.game import MOST_PLAYERS
from sagewright.clarify.texts.units import Unit, divide, merged

MAX_TEXT = 1_000_000
"""Characters of one text."""
CHARACTERS = 32_000_000
"""Characters of the synthetic rows that are in memory at a time."""
_ROWS = 100_000


@dataclass(frozen=True)
class TextPiece:
    """A player: a unit of a text column, or a whole feature (`unit` is None)."""

    column: str
    unit: Unit | None = None


class TextRow:
    """One row as a game: its players are the pieces in which it differs from the baseline.

    `pieces`: all of them, in the order of the columns; `players`: positions in `pieces`.
    """

    def __init__(self, row: pd.Series, texts: tuple[str, ...], baseline: pd.DataFrame, settings: TextSettings) -> None:
        self._row, self._baseline, self._texts = row, baseline, texts
        self._whole = {name: as_text(row[name], name, row.name) for name in texts}
        self._absent = {name: [as_text(value, name, "baseline") for value in baseline[name]] for name in texts}
        most = max(1, (MOST_PLAYERS - len(row) + len(texts)) // max(len(texts), 1))
        self._units = {
            name: merged(text, divide(text, settings.granularity, settings.language), most)
            for name, text in self._whole.items()
        }
        self.pieces = [
            piece
            for name in map(str, row.index)
            for piece in ([TextPiece(name, unit) for unit in self._units[name]] if name in texts else [TextPiece(name)])
        ]
        self.players = [place for place, piece in enumerate(self.pieces) if self._differs(piece)]

    def _differs(self, piece: TextPiece) -> bool:
        if piece.unit is not None:
            return any(text != piece.unit.text for text in self._absent[piece.column])
        own = self._row[piece.column]
        return any(not _same(own, other) for other in self._baseline[piece.column])

    def tables(self, masks: Masks) -> Iterator[tuple[slice, pd.DataFrame]]:
        """Synthetic rows of parts of the coalitions (m, players): one for each row of the baseline, a coalition's side by side."""
        length = sum(map(len, self._whole.values())) + 50 * len(self._row)
        longest = max((len(text) for texts in self._absent.values() for text in texts), default=0)
        length += longest * len(self.pieces)
        step = max(1, min(_ROWS, CHARACTERS // max(length, 1)) // len(self._baseline))
        for start in range(0, len(masks), step):
            part = slice(start, min(start + step, len(masks)))
            yield part, self._table(masks[part])

    def _table(self, masks: Masks) -> pd.DataFrame:
        inside = np.ones((len(masks), len(self.pieces)), bool)
        inside[:, self.players] = masks
        columns: dict[str, Any] = {}
        place = 0
        for name in map(str, self._row.index):
            count = len(self._units[name]) if name in self._texts else 1
            own = inside[:, place : place + count]
            columns[name] = self._written(name, own) if name in self._texts else self._mixed(name, own[:, 0])
            place += count
        return pd.DataFrame(columns)

    def _written(self, name: str, inside: Masks) -> list[str]:
        """The texts of coalitions: absent units are replaced by the baseline's text, or removed with the space after
        them."""
        units, text = self._units[name], self._whole[name]
        if not units:
            return [text] * (len(inside) * len(self._baseline))
        ends = [unit.start for unit in units[1:]] + [len(text)]
        gaps = [text[unit.end : end] for unit, end in zip(units, ends, strict=True)]
        present = np.array([unit.text + gap for unit, gap in zip(units, gaps, strict=True)], object)
        absent = [np.array([other + gap if other else "" for gap in gaps], object) for other in self._absent[name]]
        head = text[: units[0].start]
        return [head + "".join(np.where(mask, present, other).tolist()) for mask in inside for other in absent]

    def _mixed(self, name: str, inside: NDArray[np.bool_]) -> pd.Series:
        column = self._baseline[name]
        values = pd.Series([*column.tolist(), self._row[name]])
        places = np.where(inside[:, None], len(column), np.arange(len(column))[None, :])
        return values.iloc[places.ravel()].reset_index(drop=True)


def _same(own: Any, other: Any) -> bool:
    return bool(own == other) or bool(pd.isna(own) and pd.isna(other))


def as_text(value: Any, column: str, row: Any) -> str:
    """Text of a cell, "" if it is missing. Raises CustomerError if it is too long."""
    text = "" if value is None or (isinstance(value, float) and np.isnan(value)) else str(value)
    if len(text) > MAX_TEXT:
        raise CustomerError(
            f"The text of column '{column}' in row {row} has {len(text)} characters, at most {MAX_TEXT} can be explained"
        )
    return text
