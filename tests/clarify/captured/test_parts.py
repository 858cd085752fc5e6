"""Ground truth of several rows in one record: Clarify and Model Monitor read it by one rule."""

import json

import pytest

from sagewright.clarify.configuration.analysis import read
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.prediction.captured import load_captured
from sagewright.monitor.datasets import captured_rows
from sagewright.monitor.errors import MonitorError


def record(data, encoding="CSV", rows=3):
    part = {"observedContentType": "text/csv", "encoding": "CSV", "data": "1,2\n" * rows}
    answer = {"observedContentType": "text/csv", "encoding": "CSV", "data": "1\n" * rows}
    truth = {"data": data, "encoding": encoding}
    return {"captureData": {"endpointInput": part, "endpointOutput": answer}, "groundTruthData": truth}


def labels_of_clarify(tmp_path, line):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(line) + "\n")
    config = read({
        "dataset_type": "application/sagemakercapturejson", "headers": ["a", "b"], "label": "T", "facet": [{"name_or_index": "a"}],
        "label_values_or_threshold": [1], "methods": {"pre_training_bias": {"methods": "all"}},
        "predictor": {"endpoint_name": "e"},
    })  # fmt: skip
    return load_captured(config, [path]).table["T"].tolist()


@pytest.mark.parametrize(
    ("data", "encoding", "rows"),
    [("1\n0\n1", "CSV", 3), ("1,0,1", "CSV", 3), ("1,0,1\n", "CSV", 3), ("[1, 0, 1]", "JSON", 3), ("1", "CSV", 1)],
)
def test_a_line_or_a_cell_for_each_row(tmp_path, data, encoding, rows):
    line = record(data, encoding, rows)
    expected = [1, 0, 1][:rows]
    assert [int(row.truth[0][1]) for row in captured_rows("line 1", line)] == expected
    assert labels_of_clarify(tmp_path, line) == expected


@pytest.mark.parametrize(
    ("data", "rows", "message"),
    [("1", 3, "3 rows, and groundTruthData of 1 cells"), ("1\n0", 3, "of 2 lines"), ("", 1, "of 0 lines")],
)
def test_another_number_is_an_error_in_both(tmp_path, data, rows, message):
    line = record(data, rows=rows)
    with pytest.raises(MonitorError, match=message):
        captured_rows("line 1", line)
    with pytest.raises(CustomerError, match=message):
        labels_of_clarify(tmp_path, line)


def test_cells_with_underscores_are_texts(tmp_path):
    line = record("1_000", rows=1)
    assert labels_of_clarify(tmp_path, line) == ["1_000"]
