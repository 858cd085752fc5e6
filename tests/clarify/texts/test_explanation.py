"""Shapley values of texts equal those of all coalitions, and the files have AWS's form."""

from __future__ import annotations

import json
from itertools import combinations
from math import factorial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sagewright.clarify.configuration.methods import ShapSettings, TextSettings
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.tables import Array, Way
from sagewright.clarify.texts.columns import free_text_columns, with_empty_texts
from sagewright.clarify.texts.explanation import TextExplanation, explain
from sagewright.clarify.texts.output import LocalTexts, record
from sagewright.clarify.texts.summary import TextSummary

WEIGHTS = {"good": 0.3, "bad": -0.4, "not": -0.05, "<UNK>": 0.01}


def sentiment(table: pd.DataFrame) -> Array:
    """Two outputs that are not additive: `not` turns the next word."""
    scores = []
    for _, row in table.iterrows():
        words, total = (
            str(row["review"]).split(),
            0.1 * float(row.get("stars", 0)) + (0.2 if row.get("shop") == "north" else 0),
        )
        for place, word in enumerate(words):
            sign = -1 if place and words[place - 1] == "not" else 1
            total += sign * WEIGHTS.get(word.strip(".,"), 0.0)
        scores.append([total, 1 / (1 + np.exp(-total))])
    return np.array(scores)


def brute_force(score: Any, players: int) -> Array:
    """Shapley values by the definition; `score` takes a set of players."""
    values = []
    for player in range(players):
        others = [other for other in range(players) if other != player]
        total = 0.0
        for size in range(players):
            for chosen in combinations(others, size):
                weight = factorial(size) * factorial(players - size - 1) / factorial(players)
                total = total + weight * (score({*chosen, player}) - score(set(chosen)))
        values.append(total)
    return np.array(values)


def shap(granularity: str = "token", **more: Any) -> ShapSettings:
    return ShapSettings(text=TextSettings(granularity, "english"), **more)


def explained(
    rows: pd.DataFrame, baseline: pd.DataFrame, settings: ShapSettings, model: Any = sentiment
) -> list[TextExplanation]:
    return list(explain(model, rows, ("review",), baseline, settings))


ROW = pd.DataFrame({"stars": [4.0], "review": ["it was not bad, good"], "shop": ["north"]})


@pytest.mark.parametrize("absent", ["<UNK>", ""])
@pytest.mark.parametrize("use_logit", [False, True])
def test_values_equal_the_definition(absent: str, use_logit: bool) -> None:
    words = ["it", "was", "not", "bad", ",", "good"]
    gaps = [" ", " ", " ", "", " ", ""]

    def model(table: pd.DataFrame) -> Array:
        return sentiment(table)[:, 1:]

    def score(chosen: set[int]) -> Array:
        text = "".join((word if place in chosen else absent) + (gap if place in chosen or absent else "")
                       for place, (word, gap) in enumerate(zip(words, gaps, strict=True)))  # fmt: skip
        table = pd.DataFrame(
            {"review": [text], "stars": [4.0 if 6 in chosen else 1.0], "shop": ["north" if 7 in chosen else "south"]}
        )
        found = model(table)[0]
        return np.log(found / (1 - found)) if use_logit else found

    baseline = pd.DataFrame({"stars": [1.0], "review": [absent], "shop": ["south"]})
    found = explained(ROW, baseline, shap(use_logit=use_logit), model)[0]
    expected = brute_force(score, 8)
    assert found.way is Way.COMPLETE
    order = [6, *range(6), 7]  # columns stand in the table's order
    np.testing.assert_allclose(found.values[:, 0], expected[order, 0], atol=1e-12)
    np.testing.assert_allclose(found.expected + found.values.sum(0), found.prediction, atol=1e-12)


def test_several_baseline_rows_are_averaged() -> None:
    baselines = pd.DataFrame({"stars": [1.0, 2.0], "review": ["", "<UNK>"], "shop": ["south", "north"]})
    both = explained(ROW, baselines, shap())[0]
    each = [explained(ROW, baselines.iloc[[place]], shap())[0] for place in (0, 1)]
    np.testing.assert_allclose(both.values, (each[0].values + each[1].values) / 2, atol=1e-12)
    np.testing.assert_allclose(both.expected, (each[0].expected + each[1].expected) / 2, atol=1e-12)


def test_missing_cells_keep_the_types_of_columns() -> None:
    kinds: list[Any] = []

    def model(table: pd.DataFrame) -> Array:
        kinds.append(table["stars"].dtype.kind)
        return np.array([[float(len(text))] for text in table["review"]])

    rows = pd.DataFrame({"stars": [np.nan, 2.0], "review": ["a b", None], "shop": [None, "x"]})
    for baseline in (rows.iloc[[0]].assign(review=""), rows.iloc[[1]].assign(review="")):
        for found in explained(rows, baseline, shap(), model):
            np.testing.assert_allclose(found.values.sum(0), found.prediction - found.expected)
    assert set(kinds) == {"f"}


def test_pieces_that_equal_the_baseline_have_the_value_0_and_cost_nothing() -> None:
    baseline = pd.DataFrame({"stars": [4.0], "review": ["was"], "shop": ["north"]})
    found = explained(ROW, baseline, shap())[0]
    zero = {
        piece.column if piece.unit is None else piece.unit.text
        for piece, value in zip(found.pieces, found.values, strict=True)
        if not value.any()
    }
    assert {"stars", "shop", "was"} <= zero
    assert found.calls == 2**5
    same = explained(ROW, ROW, shap())[0]
    assert same.values.shape == (8, 2)
    assert explained(ROW.assign(review=""), ROW.assign(review=""), shap())[0].calls == 1


def test_long_texts_are_sampled_within_the_budget() -> None:
    text = " ".join(["fine good bad word"] * 150)
    rows, baseline = pd.DataFrame({"review": [text, "good"]}), pd.DataFrame({"review": [""]})

    def additive(table: pd.DataFrame) -> Array:
        return np.array([[sum(WEIGHTS.get(word, 0) for word in text.split())] for text in table["review"]])

    long, short = explained(rows, baseline, shap(num_samples=1500, seed=3), additive)
    assert long.way is Way.SAMPLED
    assert long.calls <= 1502
    by_word = {
        word: np.mean([v[0] for p, v in zip(long.pieces, long.values, strict=True) if p.unit.text == word])
        for word in ("good", "bad", "word")
    }
    assert by_word == pytest.approx({"good": 0.3, "bad": -0.4, "word": 0.0}, abs=0.02)
    assert short.values.tolist() == [[0.3]]
    summary = TextSummary("mean_abs")
    for one in (long, short):
        summary.add(one)
    assert dict(summary.notes())["rows whose values are exact: every coalition of pieces was evaluated"] == "1"
    assert "standard error of a value, largest" in dict(summary.notes())


def test_a_line_of_out_jsonl(tmp_path: Path) -> None:
    baseline = pd.DataFrame({"stars": [1.0], "review": [""], "shop": ["south"]})
    found = explained(ROW, baseline, shap("sentence"))[0]
    with LocalTexts(tmp_path) as local:
        local.write(record(found))
        local.write(record(found, ("review",), np.int64(7)))
    first, second = [
        json.loads(line) for line in (tmp_path / "explanations_shap" / "out.jsonl").read_text().splitlines()
    ]
    assert [(one["feature_name"], one["data_type"]) for one in first["explanations"]] == [
        ("stars", "numerical"), ("review", "free_text"), ("shop", "categorical"),
    ]  # fmt: skip
    stars, review, _ = first["explanations"]
    assert list(stars["attributions"][0]) == ["attribution"]
    assert len(stars["attributions"][0]["attribution"]) == 2
    assert review["attributions"][0]["description"] == {"partial_text": "it was not bad, good", "start_idx": 0}
    assert "join_source_value" not in first
    assert second["join_source_value"] == 7
    assert [one["feature_name"] for one in second["explanations"]] == ["review"]


@pytest.mark.parametrize(("agg_method", "good"), [("mean_abs", 0.3), ("mean_sq", 0.09), ("median", 0.3)])
def test_global_values(agg_method: str, good: float) -> None:
    rows = pd.DataFrame({"review": ["good bad", "good so", "bad", None], "stars": [0.0, 1.0, 2.0, 3.0]})
    baseline = pd.DataFrame({"review": [""], "stars": [0.0]})
    found = explained(rows, baseline, shap())
    halves = [TextSummary(agg_method), TextSummary(agg_method)]
    for place, one in enumerate(found):
        halves[place // 2].add(one)
    halves[0].merge(json.loads(json.dumps(halves[1].document())))
    section = halves[0].kernel_shap(("low", "high"), 2)
    assert list(section) == ["low", "high"]
    top = section["low"]["global_top_shap_text"]["review"]
    assert list(top) == ["bad", "good"]
    assert top["good"] == pytest.approx(good)
    sums = np.array([-0.1, 0.3, -0.4, 0.0])
    expected = {"mean_abs": np.abs(sums).mean(), "mean_sq": (sums**2).mean(), "median": np.median(sums)}[agg_method]
    assert section["low"]["global_shap_values"]["review"] == pytest.approx(expected)
    assert section["high"]["expected_value"] == pytest.approx(0.5)
    json.dumps(section, allow_nan=False)
    notes = dict(halves[0].notes())
    assert notes["rows explained"] == "4"
    assert notes["rows whose values are estimates from a sample of the coalitions"] == "0"
    assert notes["rows that the model evaluated"] == str(sum(one.calls for one in found))


def test_the_largest_texts_stay_within_memory_and_players() -> None:
    seen: list[int] = []

    def model(table: pd.DataFrame) -> Array:
        seen.append(int(table["review"].str.len().sum()))
        return np.array([[float(len(text))] for text in table["review"]])

    rows = pd.DataFrame({"review": ["ab " * 30_000]})
    found = explained(rows, pd.DataFrame({"review": [""]}), shap(num_samples=400), model)[0]
    assert len(found.pieces) <= 10_000
    assert max(seen) <= 32_000_000
    assert found.values.sum() == pytest.approx(90_000)
    with pytest.raises(
        CustomerError, match="The text of column 'review' in row 0 has 1000001 characters, at most 1000000"
    ):
        explained(pd.DataFrame({"review": ["a" * 1_000_001]}), pd.DataFrame({"review": [""]}), shap(), model)


def test_free_text_columns() -> None:
    table = pd.DataFrame(
        {
            "n": range(100),
            "shop": ["north", "south"] * 50,
            "review": ["one of the many words here", None] * 50,
            "id": [f"x{n}" for n in range(100)],
        }
    )
    assert free_text_columns(table) == ("review", "id")
    assert free_text_columns(table[["n", "shop"]]) == ("shop",)
    baseline = with_empty_texts(table[["n", "shop"]].head(2), table[["n", "review", "shop"]], ("review",))
    assert baseline.to_dict("list") == {"n": [0, 1], "review": ["", ""], "shop": ["north", "south"]}
    assert with_empty_texts(pd.DataFrame(), table[["review"]], ("review",)).to_dict("list") == {"review": [""]}


@pytest.mark.parametrize(
    ("rows", "texts", "baseline", "text"),
    [
        (ROW.head(0), ("review",), ROW, "Data must contain features."),
        (ROW, (), ROW, "text_config is configured, but no column"),
        (ROW, ("review",), ROW[["stars"]], "The baseline has 1 columns, and the data set has 3 features"),
        (ROW, ("review",), ROW.head(0), "The SHAP baseline has no rows"),
    ],
)
def test_errors(rows: pd.DataFrame, texts: tuple[str, ...], baseline: pd.DataFrame, text: str) -> None:
    with pytest.raises(CustomerError) as caught:
        list(explain(sentiment, rows, texts, baseline, shap()))
    assert str(caught.value).startswith(text)
