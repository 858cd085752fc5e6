"""Linear models: the built-in linear learner, and weighted sums of other models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sagewright.clarify.artefacts import logistic
from sagewright.clarify.artefacts.artefact import Check, ExactExplainer, ExactValues, Unfit, single_precision, unlimited
from sagewright.clarify.tables import Array


@dataclass(frozen=True)
class LinearExplainer:
    """`weights` (features, outputs), `constant` (outputs,), `baseline` (rows, features). A missing cell counts as `missing`."""

    weights: Array
    constant: Array
    baseline: Array
    missing: float = float("nan")

    @property
    def expected(self) -> Array:
        result: Array = self.constant + self.baseline.mean(axis=0) @ self.weights
        return result

    def explain(self, rows: pd.DataFrame, check: Check = unlimited) -> ExactValues:
        check()
        cells = single_precision(rows, len(self.weights)).astype(np.float64)
        cells = np.where(np.isnan(cells), self.missing, cells)
        values = (cells - self.baseline.mean(axis=0))[:, :, None] * self.weights
        return ExactValues(values, self.expected + values.sum(axis=1))


class LinearArtefact:
    """The built-in linear learner. Its score is the weighted sum, or the probabilities of the classes."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.description = f"the linear learner's model ({model.predictor_type})"

    @classmethod
    def read(cls, folder: Path) -> LinearArtefact:
        """Raises UserError for a folder without a model that can be read."""
        from sagewright.algorithms.firstparty import artefact  # imports SciPy's sparse matrices
        from sagewright.algorithms.linear_learner.model import LinearModel

        return cls(LinearModel.decode(artefact.read(folder)))

    @property
    def _is_probability(self) -> bool:
        return self._model.predictor_type == "binary_classifier" and not self._model.margins

    def score(self, rows: pd.DataFrame) -> Array:
        cells = single_precision(rows, len(self._model.weights))
        if not np.isfinite(cells).all():
            raise Unfit("The linear learner refuses rows with missing or infinite cells.")
        return np.asarray(self._model.predict(cells)["score"], np.float64).reshape(len(rows), -1)

    def prepare(self, baseline: pd.DataFrame, use_logit: bool) -> ExactExplainer | None:
        """A weighted sum is explained in closed form: a regressor's score, or a probability's log-odds against one row.
        Probabilities are explained by a series.
        """
        self.score(baseline)
        cells = single_precision(baseline, len(self._model.weights)).astype(np.float64)
        if self._model.predictor_type == "multiclass_classifier" or (use_logit and not self._is_probability):
            return None
        if self._is_probability and not use_logit:
            small = cells.shape[1] <= logistic.MOST_FEATURES
            weights, constant = self._model.weights[:, 0], float(self._model.bias[0])
            return logistic.LogisticExplainer(weights, constant, cells) if small else None
        if use_logit and len(cells) > 1:
            return None
        return LinearExplainer(self._model.weights, self._model.bias, cells)
