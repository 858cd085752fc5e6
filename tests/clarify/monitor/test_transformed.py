"""Rows of transform jobs: merged with ground truth by their inference ids, and read by both kinds of monitors."""

import json

import pytest

from sagewright.clarify.configuration.analysis import read
from sagewright.clarify.configuration.monitored import completed
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.prediction.captured import is_captured, load_captured
from sagewright.monitor.datasets import captured_rows
from sagewright.monitor.errors import MonitorError
from sagewright.monitor.job import MonitorJob
from sagewright.monitor.merging import merge

HOUR, TIME = "2026/03/10/11", "2026-03-10T11:05:00Z"
MERGED = '{"sagemakerMergeJson":{"captureIndexNames":["batchTransformOutput"]}}'
BIAS = {"label_values_or_threshold": [1], "facet": [{"name_or_index": "g", "value_or_threshold": [1]}]}


@pytest.fixture
def merged(tmp_path):
    """Merges an output with ground truth, one record after the other or in a list. The merged records, and their file."""

    def run(form, output, truths, *, listed=False):
        data = tmp_path / "in" / "output" / HOUR / "manifest"
        truth = tmp_path / "truth" / HOUR
        for folder in (data, truth):
            folder.mkdir(parents=True, exist_ok=True)
        (data / "rows.out").write_text(output)
        records = [
            {
                "groundTruthData": {"data": text, "encoding": encoding},
                "eventMetadata": {"eventId": one},
                "eventVersion": "0",
            }
            for one, (encoding, text) in truths.items()
        ]
        lines = [json.dumps(records)] if listed else [json.dumps(one) for one in records]
        (truth / "truth.jsonl").write_text("\n".join(lines))
        job = MonitorJob.read({
            "SAGEWRIGHT_ML_ROOT": str(tmp_path), "dataset_source": "/opt/ml/in", "output_path": "/opt/ml/out",
            "ground_truth_source": "/opt/ml/truth", "dataset_format": form, "start_time": "2026-03-10T11:00:00Z",
            "end_time": "2026-03-10T12:00:00Z", "monitoring_input_type": "BATCH_TRANSFORM_INPUT",
            "sagemaker_monitoring_schedule_name": "watch",
        })  # fmt: skip
        merge(job)
        (path,) = (tmp_path / "out").rglob("*.jsonl")
        assert path.parent == tmp_path / "out" / "watch" / HOUR
        return [json.loads(line) for line in path.read_text().splitlines()], path

    return run


def config(environment, **members):
    return read(completed(BIAS | members, {"dataset_format": MERGED, "analysis_type": "MODEL_BIAS", **environment}))


def table(path, read_config):
    assert is_captured(read_config, [path])
    return load_captured(read_config, [path]).table.to_dict("list")


def test_columns_of_predictions_follow_those_of_the_features(merged):
    output = f'7,"a,""b",0.5,id-1,{TIME}\n8,,0.25,id-2,{TIME}\n9,c,1\n10,d,1,id-9,{TIME}\n'
    records, path = merged('{"csv":{"header":false}}', output, {"id-1": ("CSV", "1"), "id-2": ("CSV", "0")})
    assert records[0] == {
        "captureData": {"batchTransformOutput": {"data": '7,"a,""b",0.5', "encoding": "CSV"}},
        "eventMetadata": {"eventId": "id-1"},
        "eventVersion": "0",
        "groundTruthData": {"data": "1", "encoding": "CSV"},
    }
    assert len(records) == 2
    (row,) = captured_rows("here", records[1])
    assert (row.outputs, row.truth) == ([("0", "8"), ("1", ""), ("2", "0.25")], [("0", "0")])
    found = table(
        path,
        config(
            {"probability_attribute": "0", "probability_threshold_attribute": "0.4"}, headers=["y", "x", "g"], label="y"
        ),
    )
    assert found == {"x": [7, 8], "g": ['a,"b', None], "y": [1, 0], "predicted_label": [1, 0]}
    with pytest.raises(CustomerError, match="fewer than 4 columns"):
        table(path, config({"inference_attribute": "0"}, headers=["y", "x", "g", "h", "i"], label="y"))


def test_expressions_for_predictions_apply_to_the_models_answer(merged):
    ids = {"SageMakerInferenceTime": TIME}
    lines = [
        {"SageMakerInferenceId": "id-1", **ids, "SageMakerOutput": {"label": 1}, "f": [7, 1]},
        {"SageMakerInferenceId": "id-2", **ids, "SageMakerOutput": {"label": 0}, "f": [8, 0]},
        {"SageMakerOutput": {"label": 0}, "f": [9, 0]},
    ]
    truths = {"id-1": ("JSON", '{"y": 0}'), "id-2": ("JSON", '{"y": 1}')}
    records, path = merged('{"json":{"line":true}}', "\n".join(map(json.dumps, lines)), truths)
    data = records[0]["captureData"]["batchTransformOutput"]["data"]
    assert data == '{"SageMakerOutput":{"label":1},"f":[7,1]}'
    (row,) = captured_rows("here", records[0])
    assert dict(row.outputs) == {"SageMakerOutput.label": 1, "label": 1, "f.0": 7, "f.1": 1}
    given = {"features_attribute": "f", "inference_attribute": "label"}
    found = table(path, config(given, headers=["x", "g", "Target"], label="y"))
    assert found == {"x": [7, 8], "g": [1, 0], "Target": [0, 1], "predicted_label": [1, 0]}
    with pytest.raises(CustomerError, match="'nothing' finds no list"):
        table(path, config(given | {"features_attribute": "nothing"}, headers=["x", "g", "Target"], label="y"))


def test_one_document_may_have_all_rows(merged):
    document = {
        "SageMakerInferenceId": "id-1", "SageMakerInferenceTime": TIME, "instances": [{"f": [7, 1]}, {"f": [8, 0]}],
        "SageMakerOutput": {"predictions": [{"label": 1}, {"label": 0}]},
    }  # fmt: skip
    truth = json.dumps({"instances": [{"y": 1}, {"y": 0}]})
    _, path = merged('{"json":{}}', json.dumps(document, indent=1), {"id-1": ("JSON", truth)}, listed=True)
    given = {"features_attribute": "instances[*].f", "inference_attribute": "predictions[*].label"}
    found = table(path, config(given, headers=["x", "g", "Target"], label="instances[*].y"))
    assert found == {"x": [7, 8], "g": [1, 0], "Target": [1, 0], "predicted_label": [1, 0]}


@pytest.mark.parametrize(
    ("form", "output", "message"),
    [
        ('{"csv":{}}', "7,1,0.5\n", "No captured record .* Transform jobs need GenerateInferenceId"),
        ('{"json":{"line":true}}', '{"f": [1]}\n', "Transform jobs need GenerateInferenceId"),
        ('{"json":{}}', "[1]", "is not a JSON object"),
        ('{"json":{}}', "{", "is not valid JSON"),
        ('{"parquet":{}}', "", "merged as csv or json"),
    ],
)
def test_outputs_that_cannot_be_merged_say_why(merged, form, output, message):
    with pytest.raises(MonitorError, match=message):
        merged(form, output, {"id-1": ("CSV", "1")})
