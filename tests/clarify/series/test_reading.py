"""Items from the four forms of data sets, and requests to forecasting models."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sagewright.clarify.configuration.analysis import Predictor
from sagewright.clarify.configuration.methods import SeriesSettings
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.series.forecasts import MAX_PAYLOAD_BYTES, RecordForm, forecaster
from sagewright.clarify.series.items import Names, SeriesItem
from sagewright.clarify.series.reading import items_of_document, items_of_table, names_of

ROWS = [
    {"id": 1, "time": "2020-01-02", "y": 6.0, "price": 0.5, "rain": 2.0, "shop": "red"},
    {"id": 1, "time": "2020-01-01", "y": 5.0, "price": 0.25, "rain": 1.0, "shop": "red"},
    {"id": 2, "time": "2020-01-01", "y": 4.0, "price": 0.75, "rain": 3.0, "shop": "blue"},
    {"id": 1, "time": "2020-01-03", "y": None, "price": 1.5, "rain": 4.0, "shop": "red"},
]
FIELDS = ("y", "id", "time", ("price", "rain"), ("shop",))


def settings_of(form: str, wrap: str = "{}") -> SeriesSettings:
    y, item, time, related, static = FIELDS
    many = [tuple(wrap.format(name) for name in names) for names in (related, static)]
    return SeriesSettings(wrap.format(y), wrap.format(item), wrap.format(time), *many, form)


def columns() -> dict[str, list[Any]]:
    return {name: [row[name] for row in ROWS] for name in ROWS[0]}


RECORDS = [
    {
        "id": 1, "shop": "red",
        "steps": [
            {name: row[name] for name in ("time", "y", "price", "rain")}
            for row in sorted(ROWS[:2] + ROWS[3:], key=lambda row: str(row["time"]))
        ],
    },
    {"id": 2, "shop": "blue", "steps": [{"time": "2020-01-01", "y": 4.0, "price": 0.75, "rain": 3.0}]},
]  # fmt: skip


def check(items: list[SeriesItem]) -> None:
    assert [item.item_id for item in items] == [1, 2]
    first = items[0]
    assert first.timestamps == ("2020-01-01", "2020-01-02", "2020-01-03")
    assert first.target.tolist() == [5, 6]
    assert first.related.tolist() == [[0.25, 0.5, 1.5], [1, 2, 4]]
    assert first.static == ("red",)
    assert items[1].target.tolist() == [4]


def test_tables() -> None:
    check(list(items_of_table(pd.DataFrame(ROWS), settings_of(""))))


def test_columns() -> None:
    check(list(items_of_document(columns(), settings_of("columns"))))


def test_timestamp_records_with_missing_values() -> None:
    settings = settings_of("timestamp_records", "[*].{}")
    check(list(items_of_document(ROWS, settings)))
    assert names_of(settings) == Names("y", ("price", "rain"), ("shop",))


def test_item_records() -> None:
    settings = SeriesSettings(
        "[*].steps[].y",
        "[*].id",
        "[*].steps[].time",
        ("[*].steps[].price", "[*].steps[].rain"),
        ("[*].shop",),
        "item_records",
    )
    check(list(items_of_document(RECORDS, settings)))
    assert names_of(settings) == Names("y", ("price", "rain"), ("shop",))


def test_names_that_would_be_the_same_stay_expressions() -> None:
    settings = SeriesSettings("a.y", "id", "t", ("b.y",), (), "columns")
    assert names_of(settings) == Names("a.y", ("b.y",))


def test_order_without_dates_and_constant_covariates() -> None:
    table = pd.DataFrame({"i": ["x"] * 3, "t": ["late", "early", "late"], "y": [1, 2, 3], "s": [1, 1, 1]})
    settings = SeriesSettings("y", "i", "t", (), ("s",))
    (item,) = items_of_table(table, settings)
    assert item.timestamps == ("late", "early", "late")
    (item,) = items_of_table(table.assign(t=[3, 1, 2]), settings)
    assert item.target.tolist() == [2, 3, 1]
    with pytest.raises(CustomerError, match="A static covariate of item 'x' changes over time"):
        list(items_of_table(table.assign(s=[1, 2, 1]), settings))


@pytest.mark.parametrize(
    ("document", "settings", "text"),
    [
        ({}, settings_of("columns"), "'item_id' of time_series_data_config finds no list"),
        (columns() | {"rain": [1]}, settings_of("columns"), "'related_time_series[1]' finds 1 values"),
        (columns(), settings_of("rows"), "dataset_format must be columns, item_records or timestamp_records, not 'rows'"),
        (columns() | {"y": ["a"] * 4}, settings_of("columns"), "Could not convert string to float. Item '1' has the value 'a'"),
        (columns() | {"y": [None] * 4}, settings_of("columns"), "The time series of item '1' has no values"),
        (columns() | {"id": [[1]] * 4}, settings_of("columns"), "The item id [1] is neither a text nor a number"),
        (columns(), settings_of("columns", "{}["), "'item_id' is not a valid JMESPath expression"),
        ([{"id": 1, "time": [1, 2], "y": [1, 2]}], SeriesSettings("[*].y", "[*].id", "[*].time", dataset_format="item_records"),
         "A time series of item '1' has lists as values: [1, 2]"),
        ({}, settings_of("item_records"), "The dataset is not a list of item_records"),
        ({"id": [1] * 10_001, "time": [*range(10_001)], "y": [1] * 10_001},
         SeriesSettings("y", "id", "time", dataset_format="columns"),
         "Item '1' has 10001 time steps and 0 related series; at most 10000 steps"),
    ],
)  # fmt: skip
def test_data_that_do_not_fit(document: Any, settings: SeriesSettings, text: str) -> None:
    with pytest.raises(CustomerError) as caught:
        list(items_of_document(document, settings))
    assert str(caught.value).startswith(text)


ITEM = SeriesItem("a", ("2020-01-01", "2020-01-02"), np.array([1.0, np.nan]), np.array([[0.5, 1.0]]), (3, 'x"y'))
TEMPLATE = '{"start": $start_time, "target": $target_time_series, "dynamic_feat": $related_time_series, "cat": $static_covariates}'


def predictor(content: Any, record: str = TEMPLATE, forecast: str = "predictions[*].mean") -> Predictor:
    return Predictor(content_template=content, record_template=record, forecast=forecast)


def test_requests_follow_the_templates() -> None:
    form = RecordForm(predictor('{"instances": $records}'))
    record = {"start": "2020-01-01", "target": [1, None], "dynamic_feat": [[0.5, 1]], "cat": [3, 'x"y']}
    ((body, count),) = form.bodies([ITEM, ITEM])
    assert (json.loads(body), count) == ({"instances": [record, record]}, 2)
    single = list(RecordForm(predictor("$record")).bodies([ITEM, ITEM]))
    assert [(json.loads(body), count) for body, count in single] == [(record, 1)] * 2


def test_large_items_are_divided_among_requests() -> None:
    item = SeriesItem("a", tuple(range(9_000)), np.random.default_rng(1).normal(size=9_000), np.zeros((0, 9_000)))
    bodies = list(RecordForm(predictor("$records", "$target_time_series")).bodies([item] * 100))
    assert sum(count for _, count in bodies) == 100
    assert len(bodies) > 2
    assert max(len(body) for body, _ in bodies) <= MAX_PAYLOAD_BYTES


def test_hostile_values_stay_values() -> None:
    item = SeriesItem("a", ("$target_time_series",), np.array([1.0]), np.zeros((0, 1)), ("$start_time",))
    ((body, _),) = RecordForm(predictor('{"instances": $records}')).bodies([item])
    assert json.loads(body)["instances"][0]["start"] == "$target_time_series"
    assert json.loads(body)["instances"][0]["cat"] == ["$start_time"]


def answering(document: Any) -> Any:
    return lambda body: json.dumps(document).encode()


def test_forecasts() -> None:
    model = forecaster(
        answering({"predictions": [{"mean": [1, 2]}, {"mean": [3, 4]}]}), predictor('{"instances": $records}')
    )
    assert model([ITEM, ITEM]).tolist() == [[1, 2], [3, 4]]
    model = forecaster(answering({"mean": [1, 2]}), predictor("$record", forecast="mean"))
    assert model([ITEM, ITEM]).tolist() == [[1, 2], [1, 2]]


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({"predictions": [{"mean": [1]}]}, "'forecast' finds no list of numbers for each of 2 items"),
        ({"predictions": [{"mean": [1]}, {"mean": [1, 2]}]}, "'forecast' finds no list of numbers for each of 2 items"),
        ({"predictions": [{"mean": ["a"]}] * 2}, "'forecast' finds no list of numbers for each of 2 items"),
        ({"predictions": [{"mean": [1.0] * 10_001}] * 2}, "The model forecasts 10001 steps, at most 10000"),
        ({}, "'forecast' finds no list of numbers"),
    ],
)
def test_answers_that_do_not_fit(document: Any, text: str) -> None:
    model = forecaster(answering(document), predictor('{"instances": $records}'))
    with pytest.raises(CustomerError) as caught:
        model([ITEM, ITEM])
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (Predictor(), "'content_template' and 'record_template' of the predictor are required"),
        (predictor("{}"), "'content_template' must contain $records or $record once"),
        (predictor("$records", "{}"), "'record_template' must contain $target_time_series"),
        (predictor("$records", forecast=""), "'time_series_predictor_config.forecast' of the predictor is required"),
        (predictor("$records", forecast="a["), "'forecast' is not a valid JMESPath expression"),
    ],
)
def test_predictors_that_do_not_fit(wrong: Predictor, text: str) -> None:
    with pytest.raises(CustomerError) as caught:
        forecaster(answering({}), wrong)
    assert str(caught.value).startswith(text)
