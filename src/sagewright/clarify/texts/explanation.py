"""Rows with texts → Shapley values of their pieces."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sagewright.clarify.configuration.methods import ShapSettings
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.shap.coalitions import Masks, default_budget
from sagewright.clarify.shap.game import shapley_of_game
from sagewright.clarify.shap.link import identity, log_odds
from sagewright.clarify.shap.synthetic import checked
from sagewright.clarify.tables import Array, Model, Way
from sagewright.clarify.texts.coalitions import TextPiece, TextRow
from sagewright.clarify.texts.columns import data_type

_PROGRESS_S = 10.0


@dataclass(frozen=True)
class TextExplanation:
    """One row. `values`, `errors`: (pieces, outputs); the values add up to `prediction - expected`, (outputs,).

    `data_types`: of each column; `calls`: rows that the model evaluated.
    """

    pieces: list[TextPiece]
    values: Array
    expected: Array
    prediction: Array
    data_types: dict[str, str]
    way: Way
    errors: Array | None
    calls: int


def explain(
    model: Model, rows: pd.DataFrame, texts: tuple[str, ...], baseline: pd.DataFrame, settings: ShapSettings
) -> Iterator[TextExplanation]:
    """Explains one row after the other, in order. `baseline` has the columns of `rows`. Raises CustomerError.

    A coalition's score is the mean score over the baseline's rows, in log-odds with `use_logit`.
    """
    _check(rows, texts, baseline, settings)
    types = {str(name): data_type(rows[name], text=name in texts) for name in rows.columns}
    logging.info("Shap analyzer: explaining %d rows, %d columns...", len(rows), len(rows.columns))
    began = reported = time.monotonic()
    for number, (_, row) in enumerate(rows.reset_index(drop=True).iterrows()):
        yield _explained(model, row, texts, baseline, settings, types)
        if time.monotonic() - reported > _PROGRESS_S:
            reported = time.monotonic()
            logging.info("Explained %d of %d rows.", number + 1, len(rows))
    logging.info("getting explanations took %.2f seconds.", time.monotonic() - began)


def _check(rows: pd.DataFrame, texts: tuple[str, ...], baseline: pd.DataFrame, settings: ShapSettings) -> None:
    if settings.text is None:
        raise CustomerError("text_config is needed to explain texts")
    if not len(rows):
        raise CustomerError("Data must contain features. The data set has no rows to explain.")
    if not texts:
        raise CustomerError("text_config is configured, but no column of the data set contains text")
    if list(rows.columns) != list(baseline.columns):
        raise CustomerError(
            f"The baseline has {len(baseline.columns)} columns, and the data set has {len(rows.columns)} features: "
            "their names and order must agree."
        )
    if not len(baseline):
        raise CustomerError("The SHAP baseline has no rows; at least one is needed.")


def _explained(
    model: Model,
    row: pd.Series,
    texts: tuple[str, ...],
    baseline: pd.DataFrame,
    settings: ShapSettings,
    types: dict[str, str],
) -> TextExplanation:
    assert settings.text is not None
    game = TextRow(row, texts, baseline, settings.text)
    link = log_odds if settings.use_logit else identity
    calls = 0

    def scores(masks: Masks) -> Array:
        nonlocal calls
        found = []
        for part, table in game.tables(masks):
            calls += len(table)
            answered = checked(model(table), len(table))
            found.append(link(answered.reshape(part.stop - part.start, len(baseline), -1).mean(axis=1)))
        return np.concatenate(found)

    pieces = game.pieces
    if not game.players:
        only = scores(np.zeros((1, 0), bool))[0]
        return TextExplanation(pieces, np.zeros((len(pieces), len(only))), only, only, types, Way.COMPLETE, None, calls)
    budget = settings.num_samples or default_budget(len(game.players))
    found = shapley_of_game(scores, len(game.players), budget, settings.seed or 0)
    values = np.zeros((len(pieces), found.values.shape[1]))
    values[game.players] = found.values
    errors = None
    if found.errors is not None:
        errors = np.zeros_like(values)
        errors[game.players] = found.errors
    return TextExplanation(pieces, values, found.empty, found.total, types, found.way, errors, calls)
