"""Global values of features and of pieces of text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sagewright.clarify.errors import CustomerError
from sagewright.clarify.shap.output import aggregate, check_aggregate, label_names
from sagewright.clarify.tables import Array, Section
from sagewright.clarify.texts.explanation import TextExplanation


class TextSummary:
    """Aggregates rows one by one. A text's value in a row is the sum of its pieces'.

    `features`: columns to show, () for all. Raises CustomerError for an unknown `agg_method`.
    """

    def __init__(self, agg_method: str, features: Sequence[str] = ()) -> None:
        check_aggregate(agg_method)
        self._agg_method, self._features = agg_method, frozenset(features)
        self._columns: dict[str, list[Array]] = {}
        self._pieces: dict[str, dict[str, list[Array]]] = {}
        self._expected: list[Array] = []
        self._exact = self._unknown = 0
        self._error = 0.0
        self.rows = self.calls = 0

    def add(self, found: TextExplanation) -> None:
        sums: dict[str, Array] = {}
        for piece, values in zip(found.pieces, found.values, strict=True):
            if self._features and piece.column not in self._features:
                continue
            sums[piece.column] = sums.get(piece.column, 0.0) + values
            if piece.unit is not None:
                self._pieces.setdefault(piece.column, {}).setdefault(piece.unit.text, []).append(values)
        for column in found.data_types:
            if not self._features or column in self._features:  # an empty text has no pieces
                self._columns.setdefault(column, []).append(sums.get(column, np.zeros(found.values.shape[1])))
        self._expected.append(found.expected)
        self._exact += found.errors is None
        if found.errors is not None:
            self._error = max(self._error, float(np.nan_to_num(found.errors).max(initial=0.0)))
            self._unknown += bool(np.isnan(found.errors).any())
        self.rows += 1
        self.calls += found.calls

    def document(self) -> Section:
        """Returns the rows' values as JSON, for `merge` on another host."""
        return {
            "columns": {column: [one.tolist() for one in values] for column, values in self._columns.items()},
            "pieces": {
                column: {text: [one.tolist() for one in values] for text, values in pieces.items()}
                for column, pieces in self._pieces.items()
            },
            "expected": [one.tolist() for one in self._expected],
            "exact": self._exact,
            "error": self._error,
            "unknown": self._unknown,
            "rows": self.rows,
            "calls": self.calls,
        }

    def merge(self, document: Section) -> None:
        """Adds the rows of another host, after those of this one."""
        for column, values in document["columns"].items():
            self._columns.setdefault(column, []).extend(map(np.array, values))
        for column, pieces in document["pieces"].items():
            own = self._pieces.setdefault(column, {})
            for text, values in pieces.items():
                own.setdefault(text, []).extend(map(np.array, values))
        self._expected.extend(map(np.array, document["expected"]))
        self._exact += document["exact"]
        self._error = max(self._error, document["error"])
        self._unknown += document["unknown"]
        self.rows += document["rows"]
        self.calls += document["calls"]

    def notes(self) -> tuple[tuple[str, str], ...]:
        """How the values were computed, for the report."""
        sampled = self.rows - self._exact
        errors: tuple[tuple[str, str], ...]
        errors = (("standard error of a value, largest", f"{self._error:.3g}"),) if sampled > self._unknown else ()
        if self._unknown:
            errors += (("rows with too few coalitions to estimate standard errors", f"{self._unknown:,}"),)
        return (
            ("rows explained", f"{self.rows:,}"),
            ("rows whose values are exact: every coalition of pieces was evaluated", f"{self._exact:,}"),
            ("rows whose values are estimates from a sample of the coalitions", f"{sampled:,}"),
            ("rows that the model evaluated", f"{self.calls:,}"),
            ("aggregation of the global values", self._agg_method),
            *errors,
        )

    def kernel_shap(self, headers: Sequence[str], max_top_tokens: int) -> Section:
        """The section `kernel_shap` of analysis.json: `expected_value` is the mean over rows of the score without any piece."""
        if not self.rows:
            raise CustomerError("Data must contain features. The data set has no rows to explain.")
        expected = np.mean(self._expected, axis=0)
        globals_ = {column: aggregate(np.stack(values), self._agg_method) for column, values in self._columns.items()}
        pieces = {
            column: {text: aggregate(np.stack(values), self._agg_method) for text, values in texts.items()}
            for column, texts in self._pieces.items()
        }
        section: Section = {}
        for number, name in enumerate(label_names(headers, len(expected))):
            section[name] = {
                "global_shap_values": {column: float(values[number]) for column, values in globals_.items()},
                "expected_value": float(expected[number]),
            }
            if pieces:
                section[name]["global_top_shap_text"] = {
                    column: _top({text: float(values[number]) for text, values in texts.items()}, max_top_tokens)
                    for column, texts in pieces.items()
                }
        return section


def _top(values: dict[str, float], count: int) -> dict[str, float]:
    return dict(sorted(values.items(), key=lambda pair: -abs(pair[1]))[: max(count, 0)])
