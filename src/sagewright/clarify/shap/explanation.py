"""Explains a table's rows in the best way that the model allows."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

import pandas as pd

from sagewright.clarify.artefacts.artefact import ModelArtefact, Unfit, same_scores
from sagewright.clarify.configuration.methods import ShapSettings
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.shap.kernel import KernelExplainer
from sagewright.clarify.shap.synthetic import Counter, checked
from sagewright.clarify.tables import Attributions, Model, Way

CHECKED_ROWS = 20
"""Rows of the baseline, and of the data, on which the artefact's scores are compared with the endpoint's."""


def explain(
    model: Model,
    rows: pd.DataFrame,
    baseline: pd.DataFrame,
    settings: ShapSettings,
    artefact: ModelArtefact | None = None,
) -> Attributions:
    """Returns the rows' Shapley values against the baseline, which has the same columns. Raises CustomerError.

    The values are those to which Kernel SHAP converges: a coalition's score is the mean score over the baseline rows, in log-odds
    with `use_logit`.
    """
    _check(rows, baseline, settings)
    began = time.monotonic()
    logging.info("Shap analyzer: explaining %d rows, %d columns...", len(rows), len(rows.columns))
    counter = Counter()
    result = None
    if artefact is not None and settings.explainer != "kernel":
        try:
            if _agrees(artefact, model, pd.concat([baseline.head(CHECKED_ROWS), rows.head(CHECKED_ROWS)]), counter):
                result = _without_calls(artefact, rows, baseline, settings)
        except Unfit as unfit:
            logging.info("The endpoint is called: %s", unfit)
    if result is None:
        result = KernelExplainer(model, baseline, settings, counter).explain(rows)
        logging.info("Shapley values are %s: the endpoint scored %d records.", result.way.value, counter.calls)
    logging.info("getting explanations took %.2f seconds.", time.monotonic() - began)
    return _selected(replace(result, calls=counter.calls), settings)


def scores_of(model: Model, rows: pd.DataFrame, artefact: ModelArtefact | None) -> Model:
    """Returns the artefact's scores if they equal the endpoint's for some of the rows, else the endpoint's."""
    if artefact is None:
        return model
    try:
        return artefact.score if _agrees(artefact, model, rows.head(CHECKED_ROWS), Counter()) else model
    except Unfit as unfit:
        logging.info("The endpoint is called: %s", unfit)
        return model


def _check(rows: pd.DataFrame, baseline: pd.DataFrame, settings: ShapSettings) -> None:
    if not len(rows) or not len(rows.columns):
        raise CustomerError(
            f"Data must contain features. There are {len(rows)} rows of {len(rows.columns)} columns to explain."
        )
    if not len(baseline):
        raise CustomerError("The SHAP baseline has no rows; at least one is needed.")
    if list(rows.columns) != list(baseline.columns):
        raise CustomerError(
            f"The SHAP baseline has {len(baseline.columns)} columns, and the data set has {len(rows.columns)} features: their "
            "names and order must agree."
        )
    missing = [name for name in settings.features_to_explain if name not in set(rows.columns)]
    if missing:
        raise CustomerError(f"features_to_explain: the data set has no feature {missing[0]!r}.")


def _agrees(artefact: ModelArtefact, model: Model, sample: pd.DataFrame, counter: Counter) -> bool:
    """Compares the artefact's scores with the endpoint's: a request may transform features, and an answer may not be a score."""
    own = artefact.score(sample)
    counter.calls += len(sample)
    answered = checked(model(sample), len(sample))
    if same_scores(own, answered):
        return True
    logging.info("The endpoint's scores are not those of %s; it is called.", artefact.description)
    return False


def _without_calls(
    artefact: ModelArtefact, rows: pd.DataFrame, baseline: pd.DataFrame, settings: ShapSettings
) -> Attributions:
    """Raises Unfit if a row can't be scored by the artefact."""
    explainer = None if settings.interactions else artefact.prepare(baseline, settings.use_logit)
    if explainer is not None:
        try:
            found = explainer.explain(rows)
        except Unfit as unfit:
            logging.info("The exact way isn't used: %s.", unfit)
        else:
            logging.info("Shapley values are exact, computed from %s.", artefact.description)
            names = tuple(map(str, rows.columns))
            return Attributions(names, found.values, explainer.expected, found.predictions, Way.EXACT)
    result = KernelExplainer(artefact.score, baseline, settings, Counter(), refined=False).explain(rows)
    logging.info("Shapley values are %s, computed with %s, without calls.", result.way.value, artefact.description)
    return result


def _selected(result: Attributions, settings: ShapSettings) -> Attributions:
    """Leaves the features that `features_to_explain` names; their values are those of an analysis of all features."""
    if not settings.features_to_explain:
        return result
    places = [result.features.index(name) for name in settings.features_to_explain]
    return replace(
        result,
        features=tuple(settings.features_to_explain),
        values=result.values[:, places],
        errors=None if result.errors is None else result.errors[:, places],
        interactions=None if result.interactions is None else result.interactions[:, places][:, :, places],
    )
