from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sagewright.algorithms.firstparty import artefact as files
from sagewright.algorithms.linear_learner.model import LinearModel, serve
from sagewright.clarify.artefacts.artefact import ModelArtefact, Unfit, open_artefact
from sagewright.clarify.artefacts.logistic import LogisticExplainer, Series
from sagewright.clarify.configuration.methods import ShapSettings
from sagewright.clarify.shap.explanation import explain
from sagewright.clarify.tables import Way

IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1"
RANDOM = np.random.default_rng(0)


def opened(folder: Path, predictor: str, classes: int = 1, margins: bool = False, columns: int = 6) -> ModelArtefact:
    model = LinearModel(predictor, RANDOM.normal(size=(columns, classes)), RANDOM.normal(size=classes), margins=margins)
    files.write(folder, model.encode())
    found = open_artefact(IMAGE, folder)
    assert found is not None
    return found


def table(rows: int, columns: int = 6) -> pd.DataFrame:
    cells = RANDOM.normal(size=(rows, columns)).astype(np.float32)
    return pd.DataFrame(cells, columns=[f"f{place}" for place in range(columns)])


@pytest.mark.parametrize(
    ("predictor", "margins", "backgrounds", "logit", "way"),
    [
        ("regressor", False, 3, False, Way.EXACT),
        ("binary_classifier", True, 3, False, Way.EXACT),
        ("binary_classifier", False, 3, False, Way.EXACT),
        ("binary_classifier", False, 1, True, Way.EXACT),
        ("binary_classifier", False, 3, True, Way.COMPLETE),
        ("multiclass_classifier", False, 3, False, Way.COMPLETE),
    ],
)
def test_values_are_those_of_all_coalitions(
    predictor: str, margins: bool, backgrounds: int, logit: bool, way: Way, tmp_path: Path
) -> None:
    artefact = opened(tmp_path, predictor, 3 if predictor.startswith("multi") else 1, margins)
    rows, baseline = table(12), table(backgrounds)
    calls: list[int] = []

    def model(some: pd.DataFrame) -> np.ndarray:
        calls.append(len(some))
        return artefact.score(some)

    found = explain(model, rows, baseline, ShapSettings(use_logit=logit), artefact)
    assert calls == [12 + backgrounds]
    expected = explain(model, rows, baseline, ShapSettings(use_logit=logit, explainer="kernel"), artefact)
    assert (found.way, expected.way) == (way, Way.COMPLETE)
    assert np.allclose(found.values, expected.values, atol=1e-6)
    assert np.allclose(found.expected, expected.expected, atol=1e-6)
    assert np.allclose(found.values.sum(axis=1), found.predictions - found.expected, atol=1e-9)


def test_scores_are_the_endpoints(tmp_path: Path) -> None:
    for predictor, classes in (("regressor", 1), ("binary_classifier", 1), ("multiclass_classifier", 4)):
        artefact = opened(tmp_path, predictor, classes)
        rows = table(9)
        body = rows.to_csv(index=False, header=False).encode()
        answer = json.loads(serve(tmp_path).invoke(body, "text/csv", "application/json").body)
        expected = np.array([each["score"] for each in answer["predictions"]], np.float64).reshape(9, -1)
        assert np.allclose(artefact.score(rows), expected, rtol=1e-6)
    with pytest.raises(Unfit, match="missing or infinite"):
        artefact.score(rows.assign(f0=np.nan))


@pytest.mark.parametrize("reach", [0.1, 5, 60, 300])
def test_the_series_is_the_logistic_function(reach: float) -> None:
    series = Series.expand(reach)
    at = np.linspace(-reach, reach, 301)
    value = 0.5 + np.sin(np.outer(at, series.frequencies)) @ series.weights
    assert np.allclose(value, 1 / (1 + np.exp(-at)), atol=4e-7)


def finely(steps: np.ndarray, start: float) -> np.ndarray:
    """The same integral with many more terms and as many nodes as are exact, in double precision."""
    period = np.abs(steps).sum() + abs(start) + 24
    nodes, shares = np.polynomial.legendre.leggauss(2 * (len(steps) // 4 + 1))
    values = np.zeros(len(steps))
    for at in range(1, int(period * 24 / np.pi**2) + 2, 2):
        frequency = np.pi * at / period
        turns = np.exp(1j * frequency * steps) - 1
        factors = 1 + np.outer((nodes + 1) / 2, turns)
        means = (shares / 2) @ (np.prod(factors, axis=1)[:, None] / factors) * turns
        values += 2 * np.pi / (period * np.sinh(np.pi * frequency)) * (np.exp(1j * frequency * start) * means).imag
    return values


def test_drawn_games_are_within_single_precision() -> None:
    draws = np.random.default_rng(int(os.environ.get("SAGEWRIGHT_TEST_SEED", "7")))
    for _ in range(40):
        players = int(draws.integers(2, 65))
        shapes = [draws.normal(size=players), draws.standard_t(2, size=players), np.abs(draws.normal(size=players))]
        steps = shapes[draws.integers(3)]
        steps *= 10 ** draws.uniform(-1, np.log10(280)) / np.abs(steps).sum()
        start = float(draws.uniform(-10, 10))
        baseline = np.zeros((1, players))
        found = LogisticExplainer(np.ones(players), start, baseline).explain(pd.DataFrame(steps[None]))
        exact = finely(steps.astype(np.float32).astype(np.float64), start)
        assert np.abs(found.values[0, :, 0] - exact).max() < 2e-6, (players, steps.tolist(), start)


def test_far_rows_and_many_features_are_evaluated_by_coalitions(tmp_path: Path) -> None:
    explainer = LogisticExplainer(np.ones(3), 0.0, np.zeros((1, 3)))
    with pytest.raises(Unfit, match="reach 3000, beyond 300"):
        explainer.explain(pd.DataFrame(np.full((1, 3), 1e3)))
    far = opened(tmp_path, "binary_classifier")
    assert explain(far.score, table(2) * 1e4, table(1), ShapSettings(), far).way is Way.COMPLETE
    wide = opened(tmp_path, "binary_classifier", columns=70)
    rows = table(2, 70)
    found = explain(wide.score, rows, table(1, 70), ShapSettings(), wide)
    assert found.way is Way.SAMPLED
    assert np.allclose(found.values.sum(axis=1), found.predictions - found.expected, atol=1e-9)


def test_a_damaged_archive_is_left(tmp_path: Path) -> None:
    assert open_artefact(IMAGE, tmp_path) is None
    files.write(tmp_path, b"PK no archive")
    assert open_artefact(IMAGE, tmp_path) is None
