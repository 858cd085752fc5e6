"""Scores of coalitions of a table's features: of rows whose other features come from the baseline, averaged over its rows.

The model sees each distinct synthetic row of a batch once: features in which a row equals a baseline row make many of them equal.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sagewright.clarify.errors import CustomerError
from sagewright.clarify.shap.coalitions import Masks
from sagewright.clarify.tables import Array, Model

CELLS = 4_000_000
"""Cells of the synthetic rows that are in memory at a time."""
MOST_ROWS = 200_000


def batch_rows(columns: int) -> int:
    """Returns the maximum number of synthetic rows with this number of columns in memory at a time."""
    return max(1, min(MOST_ROWS, CELLS // max(columns, 1)))


@dataclass
class Counter:
    calls: int = 0


class Synthesizer:
    """Scores the coalitions of a chunk of rows against a baseline.

    A cell of a synthetic row is known by its place: row `r` of the chunk, or baseline row `b`. `codes` tell which cells are equal.
    """

    def __init__(self, model: Model, rows: pd.DataFrame, baseline: pd.DataFrame, counter: Counter) -> None:
        self.model, self.counter = model, counter
        self.rows, self.backgrounds = len(rows), len(baseline)
        self.names = list(rows.columns)
        blocks = [table.to_numpy() for table in (rows, baseline) if _is_block(table)]
        if len(blocks) == 2:
            self._block: Array | None = np.concatenate(blocks)
            self.columns: dict[object, pd.Series[Any]] = {}
            codes = equal_numbers(self._block)
        else:
            both = pd.concat([rows, baseline], ignore_index=True)
            self._block, self.columns = None, {name: both[name] for name in both.columns}
            codes = np.stack([pd.factorize(column)[0] for column in self.columns.values()], axis=1)
        # Sums of random 64-bit numbers identify rows; nobody can choose cells so that two sums meet. A missing value has code -1,
        # the last number of its column: no other value has it
        salts = np.frombuffer(secrets.token_bytes(8 * codes.size), np.uint64).reshape(codes.shape)
        self._marks = np.take_along_axis(salts, codes, axis=0)
        self.codes = codes

    def varying(self) -> Masks:
        """Returns (rows, features): whether the feature differs from any baseline row's."""
        own, others = self.codes[: self.rows], self.codes[self.rows :]
        result = np.zeros(own.shape, dtype=bool)
        for other in others:
            result |= own != other
        return result

    def scores(self, masks: Masks, rows: NDArray[np.int64]) -> Array:
        """Returns (len(rows), m, outputs): scores of coalitions (m, features), or (len(rows), m, features), of these rows."""
        if self._block is not None and self.backgrounds == 1 and masks.ndim == 2 and self.varying()[rows].all():
            return self._distinct(masks, rows)
        masks = np.broadcast_to(masks, (len(rows), *masks.shape[-2:]))
        own, others = self._marks[rows], self._marks[self.rows :]
        shape = (len(rows), masks.shape[1], self.backgrounds)
        sums = np.empty(shape, np.uint64)
        for number, other in enumerate(others):
            for place, row in enumerate(own):
                sums[place, :, number] = masks[place].astype(np.uint64) @ (row - other) + other.sum(dtype=np.uint64)
        _, first, inverse = np.unique(sums.ravel(), return_index=True, return_inverse=True)
        place, mask, number = np.unravel_index(first, shape)
        scores = self._predict(masks[place, mask], rows[place], number + self.rows)
        return scores[inverse].reshape(*shape, scores.shape[1]).mean(axis=2)

    def _distinct(self, masks: Masks, rows: NDArray[np.int64]) -> Array:
        """Returns the scores against one baseline row that differs from the rows in each feature: then no two coalitions are
        equal."""
        assert self._block is not None
        cells = np.where(masks, self._block[rows, None], self._block[-1]).reshape(-1, masks.shape[1])
        self.counter.calls += len(cells)
        scores = checked(self.model(pd.DataFrame(cells, columns=self.names)), len(cells))
        return scores.reshape(len(rows), len(masks), scores.shape[1])

    def _predict(self, inside: Masks, own: NDArray[np.int64], other: NDArray[np.int64]) -> Array:
        self.counter.calls += len(own)
        if self._block is not None:  # one array: building columns takes longer than most models
            cells = np.where(inside, self._block[own], self._block[other])
            return checked(self.model(pd.DataFrame(cells, columns=self.names)), len(own))
        sources = np.where(inside, own[:, None], other[:, None])
        table = pd.DataFrame(
            {name: column.to_numpy()[sources[:, place]] for place, (name, column) in enumerate(self.columns.items())},
            copy=False,
        )
        for name, column in self.columns.items():
            if table[name].dtype != column.dtype:
                table[name] = table[name].astype(column.dtype)
        return checked(self.model(table), len(table))


def _is_block(table: pd.DataFrame) -> bool:
    return all(kind == np.float64 for kind in table.dtypes)


def equal_numbers(cells: Array) -> NDArray[np.int64]:
    """Returns (rows, columns): a number for each distinct value of a column, -1 for a missing one.

    Does what `pandas.factorize` does for one column, for all at once and in another order.
    """
    order = np.argsort(cells, axis=0, kind="stable")  # missing ones come last
    ordered = np.take_along_axis(cells, order, axis=0)
    ranks = np.zeros(cells.shape, np.int64)
    np.cumsum(ordered[1:] != ordered[:-1], axis=0, out=ranks[1:])
    codes = np.empty_like(ranks)
    np.put_along_axis(codes, order, ranks, axis=0)
    codes[np.isnan(cells)] = -1
    return codes


def checked(scores: Array, rows: int) -> Array:
    """Returns the scores as (rows, outputs). Raises CustomerError if they are not finite numbers, one record for each row."""
    scores = np.asarray(scores, np.float64)
    if scores.ndim == 1:
        scores = scores[:, None]
    if scores.ndim != 2 or len(scores) != rows:
        raise CustomerError(f"The model answered scores of the shape {scores.shape} for {rows} records.")
    wrong = ~np.isfinite(scores).all(axis=1)
    if wrong.any():
        raise CustomerError(
            f"The model answered scores that are not finite numbers for {int(wrong.sum())} of {rows} records; the first: "
            f"{scores[int(wrong.argmax())].tolist()}."
        )
    return scores
