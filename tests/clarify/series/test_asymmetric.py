"""Asymmetric Shapley values equal the mean over all orderings that time allows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import permutations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sagewright.clarify.configuration.methods import AsymmetricSettings
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.series.asymmetric import STATIC, Member, SeriesExplanation, explain
from sagewright.clarify.series.baselines import SeriesBaseline
from sagewright.clarify.series.items import Names, SeriesItem
from sagewright.clarify.series.output import section, write_local
from sagewright.clarify.tables import Array

ITEM = SeriesItem(
    "a", ("2020-01-01", "2020-01-02", "2020-01-03", "2020-01-04"), np.array([1.0, 4.0, 2.0]),
    np.array([[0.5, 1.5, 2.5, 1.0], [3.0, -1.0, 2.0, 4.0]]), (2, 5),
)  # fmt: skip
BASELINE = SeriesBaseline.parse({"target_time_series": "mean", "static_covariates": {"a": [0, 1]}})


def model(items: Sequence[SeriesItem]) -> Array:
    """Forecasts of two steps, with interactions of everything."""
    found = []
    for item in items:
        level = float(np.dot(item.target, [1, 2, 3])) + sum(item.static)
        warm = float((item.related[0] * item.related[1]).sum())
        found.append([level + warm * item.target[-1], np.tanh(level / 10) * item.static[0] + item.related[1, 3] ** 2])
    return np.array(found)


def explained(
    granularity: str, direction: str = "chronological", num_samples: int | None = None, item: SeriesItem = ITEM
) -> SeriesExplanation:
    settings = AsymmetricSettings(direction, granularity, num_samples)
    return next(explain(model, [item], BASELINE, settings))


def mixed(present: set[Member], absent: SeriesItem) -> SeriesItem:
    """The item with the members in `present` alone."""
    target, related, static = absent.target.copy(), absent.related.copy(), list(absent.static)
    for member in present:
        if member.step == STATIC:
            static[member.series] = ITEM.static[member.series]
        elif member.series == 0:
            target[member.step] = ITEM.target[member.step]
        else:
            related[member.series - 1, member.step] = ITEM.related[member.series - 1, member.step]
    return SeriesItem("a", ITEM.timestamps, target, related, tuple(static))


def orderings(groups: list[list[Member]]) -> Iterator[list[Member]]:
    for chosen in product(*(permutations(group) for group in groups)):
        yield [member for group in chosen for member in group]


def groups_of(members: list[Member]) -> list[list[Member]]:
    steps = sorted({member.step for member in members})
    return [[member for member in members if member.step == step] for step in steps]


def test_fine_grained_values_equal_the_mean_over_all_orderings() -> None:
    found = explained("fine_grained", num_samples=10)
    absent = BASELINE.absent(ITEM)
    sums = {member: np.zeros(2) for member in found.members}
    count = 0
    for ordering in orderings(groups_of(found.members)):
        count += 1
        items = [mixed(set(ordering[:size]), absent) for size in range(len(ordering) + 1)]
        for member, gain in zip(ordering, np.diff(model(items), axis=0), strict=True):
            sums[member] += gain
    assert count == 2 * 6**3 * 2
    for member, values in zip(found.members, found.values, strict=True):
        np.testing.assert_allclose(values, sums[member] / count, atol=1e-9)
    np.testing.assert_allclose(found.expected + found.values.sum(0), model([ITEM])[0])


@pytest.mark.parametrize("direction", ["chronological", "anti_chronological", "bidirectional"])
def test_timewise_values(direction: str) -> None:
    found = explained("timewise", direction)
    assert [member.step for member in found.members] == [STATIC, 0, 1, 2, 3]
    absent, groups = BASELINE.absent(ITEM), groups_of(explained("fine_grained", num_samples=2).members)
    ways = {"chronological": [1], "anti_chronological": [-1], "bidirectional": [1, -1]}[direction]
    values = np.zeros((5, 2))
    for way in ways:
        order = [0, *[1, 2, 3, 4][::way]]
        for size, place in enumerate(order):
            before = {member for other in order[:size] for member in groups[other]}
            gain = np.diff(model([mixed(before, absent), mixed(before | set(groups[place]), absent)]), axis=0)[0]
            values[place] += gain / len(ways)
    np.testing.assert_allclose(found.values, values, atol=1e-9)
    np.testing.assert_allclose(found.values.sum(0), found.forecast - found.expected)


def test_many_series_are_sampled_and_still_add_up() -> None:
    item = SeriesItem("a", (1, 2), np.array([1.0, 2.0]), np.arange(60.0).reshape(30, 2))

    def total(items: Sequence[SeriesItem]) -> Array:
        return np.array([[one.target.sum() + one.related.sum() * one.target[0]] for one in items])

    found = next(explain(total, [item], SeriesBaseline(), AsymmetricSettings("chronological", "fine_grained", 100)))
    assert found.values.sum() == pytest.approx(float(total([item])[0, 0]))


NAMES = Names("sales", ("price", "rain"), ("shop", "town"))


def test_the_file_and_the_section(tmp_path: Path) -> None:
    settings = AsymmetricSettings("chronological", "fine_grained", 10)
    path = write_local([explained("fine_grained", num_samples=10)], NAMES, settings, tmp_path)
    assert path == tmp_path / "asymmetric_shapley_value" / "fine_grained_chronological" / "out.jsonl"
    (line,) = [json.loads(line) for line in path.read_text().splitlines()]
    entries = line["explanations"]
    assert [(one["feature_name"], one.get("timestamp")) for one in entries[:4]] == [
        ("shop", None), ("town", None), ("sales", "2020-01-01"), ("sales", "2020-01-02"),
    ]  # fmt: skip
    assert len(entries) == 2 + 3 + 2 * 4
    assert all(len(one["scores"]) == 2 for one in entries)
    assert line["item_id"] == "a"
    timewise = AsymmetricSettings("bidirectional")
    path = write_local([explained("timewise", "bidirectional")], NAMES, timewise, tmp_path)
    entries = json.loads(path.read_text())["explanations"]
    assert list(entries[0]) == ["feature_name", "scores"]
    assert [list(one) for one in entries[1:]] == [["timestamp", "scores"]] * 4
    assert section(timewise, "s3://bucket/results/") == {
        "direction": "bidirectional",
        "granularity": "timewise",
        "explanation_results_path": "s3://bucket/results/asymmetric_shapley_value/timewise_bidirectional/out.jsonl",
    }


def test_baselines() -> None:
    absent = BASELINE.absent(ITEM)
    np.testing.assert_allclose(absent.target, [7 / 3] * 3)
    assert not absent.related.any()
    assert absent.static == (0, 1)
    gaps = SeriesItem(1, (1, 2), np.array([np.nan, 3.0]), np.zeros((0, 2)))
    assert SeriesBaseline("mean").absent(gaps).target.tolist() == [3, 3]
    by_number = SeriesBaseline.parse({"static_covariates": {"7": ["red"]}})
    assert by_number.absent(SeriesItem(7, (1,), np.ones(1), np.zeros((0, 1)), ("blue",))).static == ("red",)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            AsymmetricSettings("chronological", "fine_grained"),
            "num_samples of asymmetric_shapley_value must be at least 1",
        ),
        (
            AsymmetricSettings("bidirectional", "fine_grained", 5),
            "bidirectional and fine_grained granularity are not supported together",
        ),
        (
            AsymmetricSettings("chronological", "timewise", 5),
            "num_samples of asymmetric_shapley_value is only used for fine_grained",
        ),
        (AsymmetricSettings("sideways"), "The direction 'sideways'"),
        (AsymmetricSettings("chronological", "monthly"), "The granularity 'monthly'"),
    ],
)
def test_settings_that_do_not_fit(settings: AsymmetricSettings, text: str) -> None:
    with pytest.raises(CustomerError) as caught:
        list(explain(model, [ITEM], BASELINE, settings))
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({"target_time_series": "max"}, "The baseline of target_time_series must be zero or mean, not 'max'"),
        ({"static_covariates": [1]}, "The baseline of static_covariates must be a list for each item id"),
        ({"static_covariates": {}}, "The baseline of static_covariates has no list for item 'a'"),
        ({"static_covariates": {"a": [1]}}, "The baseline of static_covariates has 1 values for item 'a', which has 2"),
        ([], "The baseline of asymmetric_shapley_value must be an object"),
    ],
)
def test_baselines_that_do_not_fit(document: Any, text: str) -> None:
    with pytest.raises(CustomerError) as caught:
        SeriesBaseline.parse(document).absent(ITEM)
    assert str(caught.value).startswith(text)


def test_no_items() -> None:
    with pytest.raises(CustomerError, match=r"Data must contain features."):
        list(explain(model, [], BASELINE, AsymmetricSettings()))
