"""Models of the built-in XGBoost."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sagewright.clarify.artefacts.artefact import Check, ExactExplainer, ExactValues, Unfit, single_precision, unlimited
from sagewright.clarify.artefacts.forest import Forest, Paths
from sagewright.clarify.artefacts.leaf_tables import LeafTables
from sagewright.clarify.artefacts.linear import LinearExplainer
from sagewright.clarify.artefacts.treeshap import DEEPEST, LeafByLeaf, TreeExplainer, margins
from sagewright.clarify.tables import Array

FEW_ROWS = 10_000
"""Rows below which one thread predicts: on a busy machine, waiting for others takes longer."""
_LOGISTIC = ("binary:logistic", "reg:logistic")


class BoosterArtefact:
    """A booster, or an ensemble of them, as the container serves it."""

    def __init__(self, ensemble: Any) -> None:
        self._ensemble, self._threads = ensemble, 0
        self.description = f"the XGBoost model ({ensemble.objective}) of {len(ensemble.boosters)} booster(s)"

    @classmethod
    def read(cls, folder: Path) -> BoosterArtefact:
        """Raises UserError or ValueError for a folder without a model that can be read."""
        if any(path.is_file() and not path.stat().st_size for path in folder.iterdir()):
            raise ValueError("a file of the model is empty")  # XGBoost ends the process then
        from sagewright.algorithms.xgboost import serving  # imports XGBoost, which takes as long as a small analysis

        return cls(serving.load_models(folder, {}))

    def score(self, rows: pd.DataFrame) -> Array:
        features = single_precision(rows, self._ensemble.columns)
        if np.isinf(features).any():
            raise Unfit("XGBoost refuses infinite cells.")
        self._use_threads(1 if len(features) < FEW_ROWS else 0)
        scores = np.asarray(self._ensemble.predict(features), np.float64)
        return scores.reshape(len(rows), -1)

    def _use_threads(self, count: int) -> None:
        """Sets the number of threads of predictions; 0 for all processors."""
        if count != self._threads:
            self._threads = count
            for booster in self._ensemble.boosters:
                booster.set_param({"nthread": count})

    def prepare(self, baseline: pd.DataFrame, use_logit: bool) -> ExactExplainer | None:
        """Margins add up over trees. They are what is explained if the scores are margins, or their log-odds are and there is one
        baseline row: the log-odds of a mean probability are not a mean of log-odds.
        """
        single = single_precision(baseline, self._ensemble.columns)
        if use_logit and (
            self._ensemble.objective not in _LOGISTIC or len(self._ensemble.boosters) > 1 or len(single) > 1
        ):
            return None
        try:
            models = [_Margins(booster) for booster in self._ensemble.boosters]
        except (ValueError, KeyError, TypeError) as error:
            logging.info("%s has no exact explanation: %s", self.description, error)
            return None
        if not use_logit and not self._scores_are_margins(single):
            return None
        return _join(models, single)

    def _scores_are_margins(self, rows: Any) -> bool:
        matrix = _matrix(rows)
        return all(
            np.array_equal(booster.predict(matrix), booster.predict(matrix, output_margin=True))
            for booster in self._ensemble.boosters
        )


def _matrix(rows: Any) -> Any:
    from sagewright.algorithms.xgboost.library import xgb

    return xgb.DMatrix(rows, nthread=1)


class _Margins:
    """One booster's margins: a forest or weights, and the constant that is added, (outputs,)."""

    def __init__(self, booster: Any) -> None:
        """Raises ValueError, KeyError or TypeError for a model of another kind."""
        learner = json.loads(bytes(booster.save_raw(raw_format="json")))["learner"]
        parameters = learner["learner_model_param"]
        self.booster = booster
        self.outputs = max(1, int(parameters["num_class"]), int(parameters.get("num_target", "1")))
        gradient = learner["gradient_booster"]
        self.forest: Forest | None = None
        self.weights: Array | None = None
        if gradient["name"] == "gblinear":
            weights = np.asarray(gradient["model"]["weights"], np.float64)
            self.weights = weights.reshape(-1, self.outputs)[:-1]  # the last is the bias
            return
        model = (gradient["gbtree"] if gradient["name"] == "dart" else gradient)["model"]
        drops = gradient["weight_drop"] if gradient["name"] == "dart" else [1.0] * len(model["trees"])
        self.forest = Forest.join(model["trees"], list(map(int, model["tree_info"])), list(map(float, drops)))
        inner = self.forest.features[~self.forest.is_leaf]
        if ((inner < 0) | (inner >= booster.num_features())).any():
            raise ValueError("a tree asks for a feature that the model doesn't have")
        if ((self.forest.outputs < 0) | (self.forest.outputs >= self.outputs)).any():
            raise ValueError("a tree contributes to an output that the model doesn't have")

    def constant(self, rows: Any) -> Array:
        """Returns the constant part of the margin, besides trees or weights. Raises ValueError if it isn't the same for all
        rows."""
        full = np.asarray(self.booster.predict(_matrix(rows), output_margin=True), np.float64).reshape(len(rows), -1)
        if self.forest is not None:
            own = margins(self.forest, np.ascontiguousarray(rows.T), self.outputs)
        else:
            assert self.weights is not None
            own = np.nan_to_num(rows.astype(np.float64)) @ self.weights
        rest = full - own
        if np.ptp(rest, axis=0).max() > 1e-4 * max(1.0, float(np.abs(full).max())):
            raise ValueError("its trees don't add up to its margins")
        constant: Array = rest.mean(axis=0)
        return constant


def _join(models: list[_Margins], baseline: Any) -> ExactExplainer | None:
    try:
        constant = np.mean([model.constant(baseline) for model in models], axis=0)
    except ValueError as error:
        logging.info("The XGBoost model has no exact explanation: %s", error)
        return None
    if all(model.weights is not None for model in models):
        weights = np.mean([model.weights for model in models], axis=0)
        return LinearExplainer(weights, constant, np.nan_to_num(baseline.astype(np.float64)), missing=0.0)
    forests = [model.forest for model in models if model.forest is not None]
    if len(forests) < len(models):
        return None
    return ForestExplainer.build(Forest.merge(forests), constant, baseline)


class ForestExplainer:
    """Explains margins of trees."""

    def __init__(self, explainer: TreeExplainer, expected: Array, columns: int) -> None:
        self._explainer, self.expected, self._columns = explainer, expected, columns

    @classmethod
    def build(cls, forest: Forest, constant: Array, baseline: Any) -> ForestExplainer | None:
        """Returns None if a tree's paths have too many features."""
        paths = Paths.trace(forest, DEEPEST)
        if paths is None:
            return None
        columns, outputs = np.ascontiguousarray(baseline.T), len(constant)
        expected = constant + margins(forest, columns, outputs).mean(axis=0)
        explainer: TreeExplainer = LeafTables.build(forest, paths, columns, outputs) or LeafByLeaf(
            forest, paths, columns, outputs
        )
        return cls(explainer, expected, len(columns))

    def explain(self, rows: pd.DataFrame, check: Check = unlimited) -> ExactValues:
        """Raises Unfit for rows that the endpoint would refuse."""
        values = self._explainer.explain(np.ascontiguousarray(single_precision(rows, self._columns).T), check)
        return ExactValues(values, self.expected + values.sum(axis=1))
