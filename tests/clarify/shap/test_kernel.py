from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from games import by_permutations

from sagewright.clarify.configuration.methods import ShapSettings
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.shap import synthetic
from sagewright.clarify.shap.explanation import explain
from sagewright.clarify.tables import Way

RANDOM = np.random.default_rng(0)


def mixed(rows: int = 30) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "age": RANDOM.normal(size=rows),
            "count": RANDOM.integers(0, 3, rows),
            "town": RANDOM.choice(["x", "y", "z"], rows),
            "height": RANDOM.normal(size=rows),
        }
    )
    table.loc[::7, "age"] = np.nan
    table.loc[::5, "town"] = None
    return table


def score(table: pd.DataFrame) -> np.ndarray:
    """A model of mixed columns, with two outputs; both are probabilities."""
    assert table["count"].dtype == np.int64
    age = np.nan_to_num(table["age"].to_numpy(), nan=3.0)
    town = (table["town"] == "x").to_numpy()
    first = 1 / (1 + np.exp(-age * table["count"] - town * table["height"]))
    return np.stack([first, 1 - first**2], axis=1)


def definition(row: pd.DataFrame, baseline: pd.DataFrame, logit: bool) -> np.ndarray:
    names = list(row.columns)
    scores = []
    for coalition in range(2 ** len(names)):
        table = baseline.copy()
        for place, name in enumerate(names):
            if coalition >> place & 1:
                table[name] = row[name].iloc[0]
        mean = score(table.astype({"count": np.int64})).mean(axis=0)
        scores.append(np.log(mean / (1 - mean)) if logit else mean)
    return by_permutations(np.array(scores), len(names))


@pytest.mark.parametrize("logit", [False, True])
def test_complete_values_are_those_of_the_definition(logit: bool) -> None:
    table = mixed()
    baseline = table.iloc[[1, 2, 5]].reset_index(drop=True)
    found = explain(score, table, baseline, ShapSettings(use_logit=logit))
    assert found.way is Way.COMPLETE
    for number in (0, 1, 5, 7, 10):
        expected = definition(table.iloc[[number]], baseline, logit)
        assert np.allclose(found.values[number], expected, atol=1e-9)
    assert np.allclose(found.values.sum(axis=1), found.predictions - found.expected, atol=1e-9)


def test_the_values_are_those_of_kernel_shap() -> None:
    import shap

    weights = RANDOM.normal(size=8)

    def model(rows: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-(rows @ weights + rows[:, 0] * rows[:, 1])))

    cells, background = RANDOM.normal(size=(5, 8)), RANDOM.normal(size=(4, 8))
    names = [f"f{place}" for place in range(8)]
    for logit in (False, True):
        oracle = shap.KernelExplainer(model, background, link="logit" if logit else "identity")
        expected = oracle.shap_values(cells, l1_reg=0, silent=True)
        found = explain(
            lambda table: model(table.to_numpy()),
            pd.DataFrame(cells, columns=names),
            pd.DataFrame(background, columns=names),
            ShapSettings(use_logit=logit),
        )
        assert np.allclose(found.values[:, :, 0], expected, atol=1e-6)
        assert found.expected[0] == pytest.approx(float(oracle.expected_value))


def test_the_model_sees_each_synthetic_row_once() -> None:
    table = mixed().drop(columns=["age", "height"])
    baseline = table.head(4)
    seen: list[int] = []

    def model(rows: pd.DataFrame) -> np.ndarray:
        assert not rows.duplicated().any() or len(rows) == len(baseline)
        seen.append(len(rows))
        return rows["count"].to_numpy(np.float64)

    found = explain(model, table, baseline, ShapSettings())
    assert found.calls == sum(seen)
    assert found.calls < 40  # 30 rows x 2 coalitions x 4 rows of the baseline are 240, of 3 x 4 different ones


def test_features_that_equal_the_baseline_have_no_value_and_need_no_calls() -> None:
    table = pd.DataFrame(np.ones((3, 40)), columns=[f"f{place}" for place in range(40)])
    table.iloc[0, :5] = 2
    table.iloc[2, 7] = 3
    found = explain(lambda rows: rows.to_numpy().prod(axis=1), table, table.iloc[[1]], ShapSettings())
    assert np.allclose(found.values[0, :5, 0], 31 / 5)
    assert found.values[2, 7, 0] == pytest.approx(2)
    assert np.count_nonzero(found.values) == 6
    assert found.calls < 70


def test_sampled_values_in_small_batches_equal_those_in_large_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"f{place}" for place in range(14)]
    table = pd.DataFrame(RANDOM.normal(size=(6, 14)), columns=names)

    def model(rows: pd.DataFrame) -> np.ndarray:
        assert len(rows) <= synthetic.batch_rows(14) or len(rows) == 2
        return np.tanh(rows.to_numpy()).prod(axis=1) + rows["f0"].to_numpy()

    settings = ShapSettings(num_samples=300, seed=5)
    large = explain(model, table, table.head(2), settings)
    monkeypatch.setattr(synthetic, "MOST_ROWS", 64)
    small = explain(model, table, table.head(2), settings)
    assert large.way is small.way is Way.SAMPLED
    assert np.allclose(large.values, small.values, atol=1e-10)
    assert large.errors is not None and small.errors is not None
    assert np.allclose(large.errors, small.errors, atol=1e-10)
    assert np.allclose(small.values.sum(axis=1), small.predictions - small.expected, atol=1e-10)
    assert not np.allclose(
        explain(model, table, table.head(2), ShapSettings(num_samples=300, seed=6)).values, small.values
    )


def test_interactions_add_up_and_are_symmetric() -> None:
    def model(rows: pd.DataFrame) -> np.ndarray:
        cells = rows.to_numpy()
        return 3 * cells[:, 0] + 2 * cells[:, 1] * cells[:, 2]

    table = pd.DataFrame([[1.0, 1.0, 1.0], [2.0, 1.0, 0.0]], columns=["a", "b", "c"])
    baseline = pd.DataFrame([[0.0, 0.0, 0.0]], columns=["a", "b", "c"])
    found = explain(model, table, baseline, ShapSettings(interactions=True))
    assert found.interactions is not None
    assert np.allclose(found.interactions[0, :, :, 0], [[3, 0, 0], [0, 0, 1], [0, 1, 0]])
    assert np.allclose(found.interactions.sum(axis=2), found.values)
    wide = pd.DataFrame(np.ones((1, 20)), columns=[f"f{place}" for place in range(20)])
    with pytest.raises(CustomerError, match=r"num_samples must be at least 2\^20 - 2 .* but it is 2088"):
        explain(lambda rows: np.zeros(len(rows)), wide, wide, ShapSettings(interactions=True))


def test_features_to_explain_have_the_values_of_the_whole_analysis() -> None:
    table = mixed()
    whole = explain(score, table, table.head(2), ShapSettings())
    part = explain(score, table, table.head(2), ShapSettings(features_to_explain=("height", "age")))
    assert part.features == ("height", "age")
    assert np.array_equal(part.values, whole.values[:, [3, 0]])


@pytest.mark.parametrize(
    ("settings", "answer", "baseline", "message"),
    [
        (ShapSettings(), 1.0, ["age"], "baseline has 1 columns, and the data set has 4 features"),
        (ShapSettings(), 1.0, [], "baseline has 0 columns"),
        (ShapSettings(features_to_explain=("weight",)), 1.0, None, "no feature 'weight'"),
        (ShapSettings(use_logit=True), 7.5, None, "are between 0 and 7.5"),
        (ShapSettings(), np.nan, None, "not finite numbers for 30 of 30 records"),
    ],
)
def test_bad_input_is_the_customers_error(
    settings: ShapSettings, answer: float, baseline: list[str] | None, message: str
) -> None:
    table = mixed()
    with pytest.raises(CustomerError, match=message):
        explain(
            lambda rows: np.full(len(rows), answer), table, table[baseline] if baseline is not None else table, settings
        )


def test_too_many_features_are_refused() -> None:
    wide = pd.DataFrame(np.zeros((1, 1001)))
    with pytest.raises(CustomerError, match="at most 1000 features, and the data set has 1001"):
        explain(lambda rows: np.zeros(len(rows)), wide, wide, ShapSettings())


def test_budgets_and_baselines_that_memory_does_not_hold_are_refused() -> None:
    wide = pd.DataFrame(np.zeros((1, 40)))

    def model(rows: pd.DataFrame) -> np.ndarray:
        return np.zeros(len(rows))

    with pytest.raises(
        CustomerError, match="num_samples must be at most 1000000 for 40 features or pieces, but it is 2000000"
    ):
        explain(model, wide, wide, ShapSettings(num_samples=2_000_000))
    with pytest.raises(CustomerError, match="baseline has 10001 rows, and at most 10000 can be used"):
        explain(model, wide, pd.DataFrame(np.zeros((10_001, 40))), ShapSettings())
