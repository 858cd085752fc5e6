from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from games import by_permutations
from hypothesis import given, settings
from hypothesis import strategies as st

from sagewright.algorithms.xgboost.library import xgb
from sagewright.algorithms.xgboost.serving import BoosterService, load_models
from sagewright.clarify.artefacts import leaf_tables
from sagewright.clarify.artefacts.artefact import ModelArtefact, Unfit, open_artefact
from sagewright.clarify.artefacts.leaf_tables import LeafTables
from sagewright.clarify.artefacts.treeshap import LeafByLeaf
from sagewright.clarify.configuration.methods import ShapSettings
from sagewright.clarify.shap.explanation import explain
from sagewright.clarify.tables import Way

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"


def train(cells: np.ndarray, labels: np.ndarray, rounds: int = 10, **parameters: Any) -> Any:
    return xgb.train({"nthread": 1, **parameters}, xgb.DMatrix(cells, labels), rounds)


def opened(booster: Any, folder: Path) -> ModelArtefact:
    (folder / "xgboost-model").write_bytes(booster.save_raw("ubj"))
    found = open_artefact(IMAGE, folder)
    assert found is not None
    return found


def table(cells: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(cells, columns=[f"f{place}" for place in range(cells.shape[1])])


def oracle(booster: Any, rows: pd.DataFrame, baseline: pd.DataFrame) -> np.ndarray:
    import shap

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        explainer = shap.TreeExplainer(booster, baseline.to_numpy(), feature_perturbation="interventional")
        values = np.asarray(explainer.shap_values(rows.to_numpy(), check_additivity=False))
    return values.reshape(*rows.shape, -1)


def data(rows: int, columns: int, seed: int, missing: float = 0.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    cells = random.normal(size=(rows, columns)).astype(np.float32)
    cells[random.random(cells.shape) < missing] = np.nan
    return cells


@pytest.mark.parametrize(
    "parameters",
    [
        {"max_depth": 6},
        {"max_depth": 9, "min_child_weight": 0, "eta": 0.5},
        {"max_leaves": 20, "grow_policy": "lossguide", "max_depth": 0, "tree_method": "hist"},
        {"objective": "count:poisson", "max_depth": 3},
    ],
    ids=str,
)
def test_values_are_those_of_interventional_treeshap(parameters: dict[str, Any], tmp_path: Path) -> None:
    cells = data(400, 8, seed=1)
    labels = np.abs(np.nan_to_num(cells[:, 0]) * cells[:, 1] + np.sin(3 * cells[:, 2]) + cells[:, 3])
    booster = train(cells, labels, 20, **parameters)
    artefact = opened(booster, tmp_path)
    rows, baseline = table(cells[:60]), table(cells[100:107])
    explainer = artefact.prepare(baseline, use_logit=False)
    if parameters.get("objective") == "count:poisson":
        assert explainer is None  # its scores are exponentials of margins
        return
    assert explainer is not None
    found = explainer.explain(rows)
    assert np.allclose(found.values, oracle(booster, rows, baseline), atol=1e-6)
    assert np.allclose(found.predictions, artefact.score(rows), atol=1e-5)
    assert np.allclose(found.values.sum(axis=1), found.predictions - explainer.expected, atol=1e-9)
    assert np.allclose(explainer.expected, artefact.score(baseline).mean(axis=0), atol=1e-5)


def by_definition(booster: Any, row: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    players = len(row)
    masks = (np.arange(2**players)[:, None] >> np.arange(players) & 1).astype(bool)
    synthetic = np.where(masks[:, None], row, baseline).reshape(-1, players)
    scores = booster.predict(xgb.DMatrix(synthetic), output_margin=True).astype(np.float64)
    return by_permutations(scores.reshape(len(masks), len(baseline), -1).mean(axis=1), players)


@pytest.mark.parametrize(
    "parameters",
    [
        {"booster": "dart", "rate_drop": 0.3},
        {"booster": "gblinear"},
        {"max_depth": 3},
        {"num_parallel_tree": 3, "subsample": 0.5, "max_depth": 4},
    ],
    ids=str,
)
def test_missing_cells_and_other_boosters_follow_the_definition(parameters: dict[str, Any], tmp_path: Path) -> None:
    cells = data(300, 5, seed=2, missing=0.2)
    labels = np.nan_to_num(cells).sum(axis=1) + np.isnan(cells[:, 0])
    booster = train(cells, labels, 15, **parameters)
    explainer = opened(booster, tmp_path).prepare(table(cells[:4]), use_logit=False)
    assert explainer is not None
    found = explainer.explain(table(cells[50:60]))
    for number in range(10):
        expected = by_definition(booster, cells[50 + number], cells[:4])
        assert np.allclose(found.values[number], expected, atol=2e-5)


@given(st.integers(0, 2**32), st.integers(1, 7), st.integers(1, 5), st.booleans())
@settings(max_examples=25, deadline=None)
def test_both_ways_agree_on_drawn_trees(seed: int, depth: int, backgrounds: int, few: bool) -> None:
    from sagewright.clarify.artefacts.boosters import _Margins
    from sagewright.clarify.artefacts.forest import Paths

    cells = data(80, 3 if few else 9, seed, missing=0.1)  # few features are met several times on a path
    cells = np.round(cells, 1)  # rows lie on thresholds
    labels = np.nan_to_num(cells).prod(axis=1) + np.nan_to_num(cells[:, 0])
    booster = train(cells, labels, 3, max_depth=depth, min_child_weight=0, eta=1)
    model = _Margins(booster)
    assert model.forest is not None
    paths = Paths.trace(model.forest, 62)
    assert paths is not None
    columns, baseline = np.ascontiguousarray(cells.T), np.ascontiguousarray(cells[:backgrounds].T)
    tables = LeafTables.build(model.forest, paths, baseline, 1)
    assert tables is not None
    found = tables.explain(columns)
    assert np.allclose(found, LeafByLeaf(model.forest, paths, baseline, 1).explain(columns), atol=1e-9)
    margins = booster.predict(xgb.DMatrix(cells), output_margin=True)
    assert np.allclose(found.sum(axis=(1, 2)), margins - margins[:backgrounds].mean(), atol=1e-4)


def test_deep_trees_need_no_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = data(500, 12, seed=3)
    booster = train(cells, cells.prod(axis=1) + cells[:, 0], 5, max_depth=14, min_child_weight=0, eta=1)
    monkeypatch.setattr(leaf_tables, "MOST_NUMBERS", 1)
    explainer = opened(booster, tmp_path).prepare(table(cells[:3]), use_logit=False)
    assert explainer is not None
    expected = oracle(booster, table(cells[:40]), table(cells[:3]))
    assert np.allclose(explainer.explain(table(cells[:40])).values, expected, atol=1e-6)


def test_log_odds_of_one_baseline_row_are_margins(tmp_path: Path) -> None:
    cells = data(300, 6, seed=4)
    artefact = opened(train(cells, cells[:, 0] + cells[:, 1] > 0, objective="binary:logistic"), tmp_path)
    rows = table(cells[:20])
    assert artefact.prepare(table(cells[:1]), use_logit=False) is None
    assert artefact.prepare(table(cells[:2]), use_logit=True) is None
    calls: list[int] = []

    def model(some: pd.DataFrame) -> np.ndarray:
        calls.append(len(some))
        return artefact.score(some)

    exact = explain(model, rows, table(cells[:1]), ShapSettings(use_logit=True), artefact)
    assert exact.way is Way.EXACT
    assert calls == [21]
    called = explain(model, rows, table(cells[:1]), ShapSettings(use_logit=True, explainer="kernel"), artefact)
    assert called.way is Way.COMPLETE
    assert np.allclose(exact.values, called.values, atol=1e-4)
    for logit in (False, True):
        calls.clear()
        local = explain(model, rows, table(cells[:3]), ShapSettings(use_logit=logit), artefact)
        assert local.way is Way.COMPLETE
        assert calls == [23] == [local.calls]
        called = explain(model, rows, table(cells[:3]), ShapSettings(use_logit=logit, explainer="kernel"), artefact)
        assert np.allclose(local.values, called.values, atol=1e-9)


@pytest.mark.parametrize("objective", ["multi:softprob", "multi:softmax", "binary:hinge", "binary:logitraw"])
def test_scores_are_the_endpoints(objective: str, tmp_path: Path) -> None:
    cells = data(300, 4, seed=5, missing=0.1)
    labels = (np.nan_to_num(cells[:, 0]) > 0).astype(int) + (objective.startswith("multi") & (cells[:, 1] > 0))
    classes = {"num_class": 3} if objective.startswith("multi") else {}
    artefact = opened(train(cells, labels, objective=objective, **classes), tmp_path)
    service = BoosterService(load_models(tmp_path, {}), {})
    body = table(cells[:20]).to_csv(index=False, header=False).encode()
    answer = service.invoke(body, "text/csv", "text/csv").body.decode()
    expected = np.array([[float(cell) for cell in line.split(",")] for line in answer.splitlines()])
    assert np.allclose(artefact.score(table(cells[:20])), expected, rtol=1e-6)
    found = explain(artefact.score, table(cells[:5]), table(cells[5:7]), ShapSettings(), artefact)
    assert found.way is (Way.EXACT if objective == "binary:logitraw" else Way.COMPLETE)
    assert np.allclose(found.values.sum(axis=1), found.predictions - found.expected, atol=1e-6)


def test_boosters_of_cross_validation_are_averaged(tmp_path: Path) -> None:
    cells = data(200, 4, seed=6)
    for number in range(3):
        part = cells[number::3]
        (tmp_path / f"xgboost-model-{number}").write_bytes(train(part, part.prod(axis=1)).save_raw("ubj"))
    artefact = open_artefact(IMAGE, tmp_path)
    assert artefact is not None
    exact = explain(artefact.score, table(cells[:9]), table(cells[9:12]), ShapSettings(), artefact)
    complete = explain(artefact.score, table(cells[:9]), table(cells[9:12]), ShapSettings())
    assert (exact.way, complete.way) == (Way.EXACT, Way.COMPLETE)
    assert np.allclose(exact.values, complete.values, atol=1e-5)


def test_an_endpoint_that_answers_otherwise_is_called(tmp_path: Path) -> None:
    cells = data(100, 3, seed=7)
    artefact = opened(train(cells, cells.sum(axis=1)), tmp_path)

    def model(some: pd.DataFrame) -> np.ndarray:
        return artefact.score(some) * 2

    found = explain(model, table(cells[:4]), table(cells[4:6]), ShapSettings(), artefact)
    assert found.way is Way.COMPLETE
    assert np.allclose(found.predictions, 2 * artefact.score(table(cells[:4])))


def test_rows_that_the_model_can_not_read_go_to_the_endpoint(tmp_path: Path) -> None:
    cells = data(100, 3, seed=8)
    artefact = opened(train(cells, cells.sum(axis=1)), tmp_path)
    with pytest.raises(Unfit, match="3 features, and the rows have 2"):
        artefact.score(table(cells[:, :2]))
    with pytest.raises(Unfit, match="infinite"):
        artefact.score(table(np.array([[np.inf, 0, 0]])))
    rows = table(cells[:4]).assign(f1=["a", "b", "a", "b"])

    def model(some: pd.DataFrame) -> np.ndarray:
        return (some["f1"] == "a").to_numpy(np.float64)

    assert explain(model, rows, rows.head(1), ShapSettings(), artefact).way is Way.COMPLETE


@pytest.mark.parametrize("content", [b"", b"no model", b"\x80\x04cos\nsystem\n(S'true'\ntR.", b"{}"])
def test_files_that_are_no_models_are_left(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "xgboost-model").write_bytes(content)
    assert open_artefact(IMAGE, tmp_path) is None
    assert open_artefact("123456789012.dkr.ecr.us-east-1.amazonaws.com/my-own:1", tmp_path) is None
