"""Rows as CSV, JSON Lines and JSON, by the templates of the configuration."""

import json

import pandas as pd
import pytest

from sagewright.clarify.configuration.analysis import Predictor
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.prediction.requests import RequestForm

ROWS = pd.DataFrame({"A": [1, 2], "B": [0.5, float("nan")], "C": ['x, "y"', "é"]})


def body(content_type, rows=ROWS, **predictor):
    form = RequestForm(Predictor(endpoint_name="e", **predictor), content_type)
    return form.body(form.encode(rows)).decode()


def test_csv_quotes_texts_and_leaves_missing_numbers_empty():
    assert body("text/csv") == '1,0.5,"x, ""y"""\n2,,é\n'


def test_csv_of_numbers_keeps_every_digit():
    numbers = pd.DataFrame({"a": [0.1 + 0.2, 1e-300], "b": [3, -4]})
    assert body("text/csv", numbers) == "0.30000000000000004,3\n1e-300,-4\n"


def test_json_lines():
    lines = body("application/jsonlines", content_template='{"features":$features}').splitlines()
    assert [json.loads(line)["features"] for line in lines] == [[1, 0.5, 'x, "y"'], [2, None, "é"]]


@pytest.mark.parametrize(
    ("content", "record", "expected"),
    [
        ('{"instances": $records}', "$features", {"instances": [[1, 0.5, 'x, "y"'], [2, None, "é"]]}),
        ("$records", "$features_kvp", [{"A": 1, "B": 0.5, "C": 'x, "y"'}, {"A": 2, "B": None, "C": "é"}]),
        ("$records", '{"a": "${A}", "n": $feature_names}', [{"a": a, "n": ["A", "B", "C"]} for a in (1, 2)]),
    ],
)  # fmt: skip
def test_json_by_templates(content, record, expected):
    text = body("application/json", content_template=content, record_template=record)
    assert json.loads(text) == expected


def test_a_template_of_one_record():
    form = RequestForm(
        Predictor(endpoint_name="e", content_template="$record", record_template="$features_kvp"), "application/json"
    )
    assert form.most_records == 1
    assert json.loads(form.body(form.encode(ROWS.iloc[:1]))) == {"A": 1, "B": 0.5, "C": 'x, "y"'}


def test_a_value_that_looks_like_a_placeholder_is_data():
    rows = pd.DataFrame({"A": ["$features"], "B": ["${A}"]})
    text = body("application/json", rows, content_template="$records", record_template='{"b": "${B}", "a": "${A}"}')
    assert json.loads(text) == [{"b": "${A}", "a": "$features"}]


@pytest.mark.parametrize(
    ("content_type", "predictor", "message"),
    [
        ("application/json", {}, "'content_template' and 'record_template' are required"),
        ("application/json", {"content_template": "[]", "record_template": "$features"}, "must contain"),
        ("application/jsonlines", {"content_template": "{}"}, "must contain"),
        ("application/json", {"content_template": "$records", "record_template": '{"x": "${Z}"}'}, "Feature names not found"),
    ],
)  # fmt: skip
def test_templates_that_cannot_work(content_type, predictor, message):
    with pytest.raises(CustomerError, match=message):
        body(content_type, **predictor)
