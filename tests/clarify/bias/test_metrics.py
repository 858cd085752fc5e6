"""The bias metrics equal smclarify's, for drawn tables and for real data."""

from __future__ import annotations

import logging
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sagewright.clarify.bias import flips
from sagewright.clarify.bias.metrics import post_training_bias, pre_training_bias
from sagewright.clarify.configuration.methods import POST_TRAINING, PRE_TRAINING, BiasSettings, Facet, Segmentation
from sagewright.clarify.errors import CustomerError

sys.path.insert(0, str(Path(__file__).parent))
import oracle

DRAWN = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    derandomize=True,
)


@pytest.fixture(autouse=True)
def _quiet():
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def bias_settings(
    facet: str, values: tuple[Any, ...], label: str, positive: tuple[Any, ...], group: str | None, **more: Any
) -> BiasSettings:
    return BiasSettings(
        label, positive, (Facet(facet, values),), group, pre_training=PRE_TRAINING, post_training=POST_TRAINING, **more
    )


OWN_WORDS = {
    # smclarify's is a text of sklearn's or of Python's
    "FlipTest does not support missing or infinite values": ("contains NaN", "contains infinity"),
    "FlipTest needs at least one column beside facet and label": ("0 feature(s)",),
}


def assert_same(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> None:
    assert [one["value_or_threshold"] for one in ours] == [one["value_or_threshold"] for one in theirs]
    for own, other in zip(ours, theirs, strict=True):
        assert [one["name"] for one in own["metrics"]] == [one["name"] for one in other["metrics"]]
        for metric, reference in zip(own["metrics"], other["metrics"], strict=True):
            where = (own["value_or_threshold"], metric, reference)
            assert metric["description"] == reference["description"]
            if reference["value"] is None:
                assert metric["value"] is None, where
                expected = OWN_WORDS.get(metric["error"])
                if expected:
                    assert any(text in reference["error"] for text in expected), where
                else:
                    assert metric["error"] == reference["error"], where
            elif isinstance(reference["value"], str):
                assert metric["value"] == reference["value"], where
            else:
                assert math.isclose(metric["value"], reference["value"], rel_tol=1e-9, abs_tol=1e-9), where
                assert "error" not in metric


def compare(
    table: pd.DataFrame,
    facet: tuple[str, list[Any]],
    label: tuple[str, list[Any]],
    predicted: pd.Series | None,
    group: str | None,
) -> str:
    """Compares the sections, or the ends: returns the error with which both end, "" if none."""
    (column, values), (name, positive) = facet, label
    own = bias_settings(column, tuple(values), name, tuple(positive), group)
    for prediction in (None, predicted):
        theirs: list[dict[str, Any]] | None
        try:
            theirs = oracle.facet_reports(table, column, values, label, prediction, group)
        except Exception as error:  # a failed job
            theirs, text = None, str(error)
        try:
            section = (
                pre_training_bias(table, own) if prediction is None else post_training_bias(table, prediction, own)
            )
        except CustomerError as error:
            assert theirs is None, (str(error), theirs)
            return str(error)
        assert theirs is not None, (text, section)
        assert section["label"] == name
        assert section["label_value_or_threshold"] == oracle.label_text(table[name], positive)
        assert list(section["facets"]) == [column]
        assert_same(section["facets"][column], theirs)
    return ""


STRINGS = st.sampled_from(["a", "b", "c"])
SMALL = st.integers(0, 2)
FLOATS = st.one_of(st.floats(-5, 5).map(lambda value: round(value, 2)), st.sampled_from([0.0, 1.0, -1.0]))
CELLS = {
    "strings": STRINGS,
    "digits": st.sampled_from(["0", "1", "2"]),
    "integers": SMALL,
    "wide": st.integers(-100, 100),
    "floats": FLOATS,
    "booleans": st.booleans(),
    "gaps": st.one_of(STRINGS, st.none()),
    "number gaps": st.one_of(FLOATS, st.just(float("nan"))),
}


@st.composite
def columns(draw: st.DrawFn, rows: int, kinds: list[str] | None = None) -> pd.Series:
    kind = draw(st.sampled_from(kinds or sorted(CELLS)))
    values = draw(st.lists(CELLS[kind], min_size=rows, max_size=rows))
    if kind == "gaps" and values[0] is None:
        values[0] = "a"  # smclarify takes the type of the first cell
    repeated = draw(st.sampled_from([1, 1, 40]))  # repeated often: few unique values
    return pd.Series(np.repeat(np.array(values, dtype=object), repeated)).infer_objects().rename(kind)


@st.composite
def chosen(draw: st.DrawFn, series: pd.Series, *, none: bool) -> list[Any]:
    present = [value.item() if isinstance(value, np.generic) else value for value in series.dropna().unique()]
    options: list[list[Any]] = [[]] if none else []
    options += [[value] for value in present[:4]]
    options += [present[:2]] if len(present) > 1 else []
    options += [[1], ["1"], [0.5], ["b"], [-3]]
    return draw(st.sampled_from(options))


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    rows = draw(st.integers(3, 14))
    label = draw(columns(rows, ["strings", "digits", "integers", "floats", "booleans", "number gaps"]))
    facet = draw(columns(rows))
    extra = [draw(columns(rows, ["integers", "floats"])) for _ in range(draw(st.integers(0, 2)))]
    group = draw(columns(rows, ["strings", "integers"]))
    names = ["label", "facet", *(f"x{i}" for i in range(len(extra)))]
    count = min(len(one) for one in (label, facet, group, *extra))
    factor = draw(st.sampled_from([1, 3]))
    table = pd.DataFrame(
        {name: one[:count].to_list() * factor for name, one in zip(names, (label, facet, *extra), strict=True)}
    )
    with_group = draw(st.booleans())
    if with_group:
        table["group"] = group[:count].to_list() * factor
    order = draw(st.permutations(range(len(table))))
    flips = draw(st.integers(0, 3))
    predicted = table["label"].iloc[list(order)].reset_index(drop=True) if flips else table["label"].copy()
    return {
        "table": table,
        "facet": ("facet", draw(chosen(table["facet"], none=True))),
        "label": ("label", draw(chosen(table["label"], none=False))),
        "predicted": predicted.rename("predicted"),
        "group": "group" if with_group else None,
    }


@DRAWN
@given(cases())
def test_drawn_tables(case: dict[str, Any]) -> None:
    (_, values), (_, positive) = case["facet"], case["label"]
    table = case["table"]
    for column, listed in (("label", positive), ("facet", values)):  # smclarify takes "False" and 0.5 for True
        assume(not (table[column].dtype == bool and any(value not in (0, 1) for value in listed)))
    assume(not (table["facet"].isna().any() and values and not isinstance(table["facet"][0], str)))
    compare(**case)


def test_every_kind_of_facet_is_compared_somewhere() -> None:
    """Beside the drawn tables: one of each kind, so that none is only ever refused."""
    generator = np.random.default_rng(5)
    n = 400
    table = pd.DataFrame(
        {
            "y": generator.integers(0, 2, n),
            "sex": generator.choice(["f", "m", "x"], n),
            "age": generator.normal(40, 10, n),
            "code": generator.integers(0, 3, n),
            "flag": generator.integers(0, 2, n).astype(bool),
            "region": generator.choice(["n", "s"], n),
        }
    )
    predicted = (table["y"] ^ (generator.random(n) < 0.2)).rename("predicted")
    for facet in (
        ("sex", []),
        ("sex", ["f"]),
        ("sex", ["f", "x"]),
        ("age", [40]),
        ("age", ["40"]),
        ("code", ["1"]),
        ("flag", []),
        ("flag", [1]),
    ):
        numeric = table.drop(columns=["sex", "region"]) if facet[0] != "sex" else table.drop(columns="region")
        assert compare(numeric, facet, ("y", [1]), predicted, None) == "", facet
        assert compare(table, facet, ("y", [1]), predicted, "region") == "", facet


def test_real_data() -> None:
    from sklearn.datasets import load_breast_cancer, load_diabetes

    cancer = load_breast_cancer(as_frame=True).frame.iloc[:, [0, 1, 2, 7, -1]]
    predicted = (cancer["mean radius"] < 14).astype(int).rename("predicted")
    assert compare(cancer, ("mean texture", [19]), ("target", [1]), predicted, None) == ""
    diabetes = load_diabetes(as_frame=True).frame[["age", "sex", "bmi", "bp", "target"]]
    forecast = (diabetes["target"] * 0.7 + 40).rename("predicted")
    assert compare(diabetes, ("sex", [0]), ("target", [150]), forecast, None) == ""


@pytest.mark.parametrize(
    ("case", "text"),
    [
        ({"facet": "none"}, "Unable to locate the facet."),
        ({"label": "none"}, "Headers must contain label."),
        ({"positive": ()}, "Positive label values or thresholds are empty for Label column"),
        ({"facet": "age"}, "Threshold values must be provided for continuous features"),
        ({"facet": "age", "values": ("x",)}, "Facet/label value provided must be a single numeric threshold"),
        ({"facet": "code", "values": ("x",)}, "Could not convert string to float."),
        ({"group": "none"}, "The group variable 'none' is not in the dataset"),
        (
            {"positive": (7,)},
            "No Label values are present in the predicted Label Column, Positive Predicted Index Series",
        ),
        (
            {"facet": "name"},
            "Facet values must be provided to compute the bias metrics: facet 'name' has 1100 values, at most 1000",
        ),
    ],
)
def test_errors_name_the_column_and_use_aws_words(case: dict[str, Any], text: str) -> None:
    n = 1100
    table = pd.DataFrame(
        {"y": [0, 1] * 550, "age": np.linspace(1, 2, n), "code": [3, 4] * 550, "name": [f"n{i}" for i in range(n)]}
    )
    chosen = {"facet": "code", "values": (), "label": "y", "positive": (1,), "group": None} | case
    with pytest.raises(CustomerError) as caught:
        post_training_bias(table, table["y"].rename("p"), bias_settings(**chosen))
    assert str(caught.value).startswith(text)


def test_kinds_of_label_and_prediction_must_agree() -> None:
    table = pd.DataFrame({"y": [0, 1] * 50, "code": [3, 4] * 50})
    with pytest.raises(
        CustomerError, match=r"^Predicted Label Column series data type is not the same as Label Column"
    ):
        post_training_bias(
            table, pd.Series(np.linspace(0, 1, 100), name="p"), bias_settings("code", (), "y", (1,), None)
        )


def test_facets_keep_their_order_and_one_column_may_stand_twice() -> None:
    table = pd.DataFrame({"y": [0, 1] * 50, "b": ["u", "v"] * 50, "a": ["s", "t", "t", "s"] * 25})
    own = BiasSettings("y", (1,), (Facet("b", ("v",)), Facet("a"), Facet("b", ("u",))), pre_training=("KL", "CI"))
    facets = pre_training_bias(table, own)["facets"]
    assert [(name, [one["value_or_threshold"] for one in listed]) for name, listed in facets.items()] == [
        ("b", ["v", "u"]),
        ("a", ["s", "t"]),
    ]
    assert [metric["name"] for metric in facets["a"][0]["metrics"]] == ["CI", "KL"]


def test_a_boolean_facet_understands_its_own_words() -> None:
    table = pd.DataFrame({"y": [0, 1, 1, 1] * 25, "flag": [True, False, False, False] * 25})
    own = [
        pre_training_bias(table, bias_settings("flag", (value,), "y", (1,), None))["facets"]["flag"][0]["metrics"]
        for value in ("False", "false", 0, False)
    ]
    assert own[0] == own[1] == own[2] == own[3]
    assert next(one["value"] for one in own[0] if one["name"] == "CI") == -0.5


def test_the_flip_test_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flips, "MAX_S", -1.0)
    table = pd.DataFrame({"y": [0, 1] * 50, "f": ["u", "v"] * 50, "x": range(100)})
    section = post_training_bias(table, table["y"].rename("p"), bias_settings("f", ("v",), "y", (1,), None))
    (found,) = [one for one in section["facets"]["f"][0]["metrics"] if one["name"] == "FT"]
    assert found["value"] is None
    assert found["error"] == "FlipTest found the neighbours of 0 of 50 rows within -1 s"


def test_infinities_are_strings() -> None:
    table = pd.DataFrame({"y": [0, 1] * 50, "f": ["u", "v"] * 50})
    section = post_training_bias(table, table["y"].rename("p"), bias_settings("f", ("v",), "y", (1,), None))
    values = {one["name"]: one["value"] for one in section["facets"]["f"][0]["metrics"]}
    assert values["DI"] == "Infinity"


def segmented(segmentation: Segmentation, table: pd.DataFrame) -> list[dict[str, Any]]:
    own = bias_settings("f", ("v",), "y", (1,), None, segmentations=(segmentation,))
    section = post_training_bias(table, table["p"], own)
    return section["segments"][segmentation.name or segmentation.column]


def test_segments_equal_the_metrics_of_their_rows() -> None:
    generator = np.random.default_rng(2)
    n = 600
    table = pd.DataFrame(
        {
            "y": generator.integers(0, 2, n),
            "p": generator.integers(0, 2, n),
            "f": generator.choice(["u", "v"], n),
            "age": generator.uniform(0, 90, n),
            "town": generator.choice(["A", "B", "C"], n),
        }
    )
    by_town = segmented(Segmentation("town", (("A", "B"),), "towns"), table)
    assert [one["value_or_threshold"] for one in by_town] == ["A, B", "__default__"]
    for one, rows in zip(by_town, (table["town"] != "C", table["town"] == "C"), strict=True):
        part = table[rows].reset_index(drop=True)
        assert_same(one["facets"]["f"], oracle.facet_reports(part, "f", ["v"], ("y", [1]), part["p"], None))
    by_age = segmented(Segmentation("age", (("[0, 30)", "(60, 70]"), ("[30, 60]",)), aliases=("a", "b", "rest")), table)
    assert [one["value_or_threshold"] for one in by_age] == ["a", "b", "rest"]
    masks = [
        table["age"].lt(30) | table["age"].between(60, 70, inclusive="right"),
        table["age"].between(30, 60),
        table["age"].gt(70),
    ]
    for one, rows in zip(by_age, masks, strict=True):
        part = table[rows].reset_index(drop=True)
        assert_same(one["facets"]["f"], oracle.facet_reports(part, "f", ["v"], ("y", [1]), part["p"], None))


@pytest.mark.parametrize(
    ("segmentation", "text"),
    [
        (Segmentation("none", (("A",),)), "Unable to locate the segment column 'none'"),
        (Segmentation("age", ((1, 2),)), "Segments of the continuous column 'age' must be intervals"),
        (Segmentation("age", (("(a, 2]",),)), "The edge 'a' of the segment"),
        (Segmentation("town", (("(1, 2]",),)), "Could not convert string to float. Segment column 'town'"),
        (Segmentation("town", ((),)), "A segment of column 'town' has no values"),
        (
            Segmentation("town", (("A",),), aliases=("x", "y", "z")),
            "display_aliases of the segments of 'town' has 3 names for 1",
        ),
    ],
)
def test_errors_of_segments(segmentation: Segmentation, text: str) -> None:
    table = pd.DataFrame({"y": [0, 1], "p": [0, 1], "f": ["u", "v"], "age": [1.0, 2.0], "town": ["A", "B"]}).sample(
        100, replace=True, random_state=1
    )
    with pytest.raises(CustomerError) as caught:
        segmented(segmentation, table.reset_index(drop=True))
    assert str(caught.value).startswith(text)


def test_a_small_table_of_zeros_and_ones_is_explained(caplog: pytest.LogCaptureFixture) -> None:
    """AWS's rule makes such a label continuous, and the user has to learn it."""
    logging.disable(logging.NOTSET)
    table = pd.DataFrame({"y": [0, 1] * 10, "f": ["u", "v"] * 10})
    own = bias_settings("f", ("v",), "y", (1,), None)
    pre_training_bias(table, own)
    assert "so positive is what lies above the threshold 1" in caplog.messages[-1]
    with pytest.raises(CustomerError, match="so positive is what lies above the threshold 1"):
        post_training_bias(table, table["y"].rename("p"), own)


def test_types_are_logged_as_aws_does(caplog: pytest.LogCaptureFixture) -> None:
    logging.disable(logging.NOTSET)
    table = pd.DataFrame({"y": [0, 1] * 50, "f": ["u", "v"] * 50})
    with caplog.at_level(logging.INFO):
        pre_training_bias(table, bias_settings("f", ("v",), "y", (1,), None))
    assert "Column y with data uniqueness fraction 0.02 is classifed as a CATEGORICAL column" in caplog.messages
