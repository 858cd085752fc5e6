"""The pages of Clarify's analyses, over results that a job wrote."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
IMAGE = "205585389593.dkr.ecr.us-east-1.amazonaws.com/sagemaker-clarify-processing:1.0"
HOSTILE = "<img src=x onerror=alert(1)>"
ROWS = 1000
FEATURES = ["age", "calls", HOSTILE, *(f"f{n}" for n in range(20))]
ANALYSIS = {
    "version": "1.0",
    "post_training_bias_metrics": {
        "label": "churn",
        "label_value_or_threshold": "1",
        "facets": {
            "region": [
                {
                    "value_or_threshold": HOSTILE,
                    "metrics": [
                        {
                            "name": "CDDPL",
                            "description": "Conditional … (CDDPL)",
                            "value": None,
                            "error": "Group variable is empty",
                        },
                        {"name": "DI", "description": "Disparate Impact (DI)", "value": "Infinity"},
                        {"name": "DPPL", "description": "Difference (DPPL)", "value": 0.25},
                    ],
                }
            ]
        },
    },
    "explanations": {
        "kernel_shap": {
            label: {
                "global_shap_values": {name: 1 / (place + 1) for place, name in enumerate(FEATURES)},
                "expected_value": 0.5,
            }
            for label in ("no", "yes")
        },
        "pdp": [
            {
                "feature_name": "age",
                "data_type": "numerical",
                "feature_values": [20, 40, 60],
                "model_predictions": [[0.1, 0.2, 0.4]],
                "label_headers": ["no"],
                "data_distribution": [0.2, 0.5, 0.3],
            },
            {"feature_name": "calls", "error": "it has no values"},
        ],
    },
}
SCRIPT = """
import json, os
given = "/opt/ml/processing/input/code"
names = json.load(open(given + "/names.json"))
os.makedirs("/opt/ml/processing/output/explanations_shap")
open("/opt/ml/processing/output/analysis.json", "w").write(open(given + "/analysis.json").read())
with open("/opt/ml/processing/output/explanations_shap/out.csv", "w") as out:
    out.write(",".join('"%s_%s"' % (name, label) for label in ("no", "yes") for name in names) + "\\n")
    for row in range(1000):
        cells = [row / 1000 if place == 0 else 0.001 for place in range(len(names))] * 2
        out.write(",".join("%+.16e" % cell for cell in cells) + "\\n")
"""


@pytest.fixture(scope="module")
def analysis(server: Any) -> str:
    client, s3 = server.boto("sagemaker"), server.boto("s3")
    s3.create_bucket(Bucket="clarify-studio")
    for name, text in (
        ("write.py", SCRIPT),
        ("names.json", json.dumps(FEATURES)),
        ("analysis.json", json.dumps(ANALYSIS)),
    ):
        s3.put_object(Bucket="clarify-studio", Key=f"code/{name}", Body=text.encode())
    s3.put_object(Bucket="clarify-studio", Key="code/analysis_config.json", Body=b"{}")
    config = {"S3Uri": "s3://clarify-studio/code/analysis_config.json", "LocalPath": "/opt/ml/processing/input/config"}
    code = {"S3Uri": "s3://clarify-studio/code/", "LocalPath": "/opt/ml/processing/input/code"}
    output = {
        "S3Uri": "s3://clarify-studio/out",
        "LocalPath": "/opt/ml/processing/output",
        "S3UploadMode": "EndOfJob",
    }
    client.create_processing_job(
        ProcessingJobName="clarify-studio",
        RoleArn=ROLE,
        AppSpecification={
            "ImageUri": IMAGE,
            "ContainerEntrypoint": ["python", "/opt/ml/processing/input/code/write.py"],
        },
        ProcessingInputs=[
            {"InputName": name, "S3Input": {**given, "S3DataType": "S3Prefix", "S3InputMode": "File"}}
            for name, given in (("code", code), ("analysis_config", config))
        ],
        ProcessingOutputConfig={"Outputs": [{"OutputName": "analysis_result", "S3Output": output}]},
        ProcessingResources={"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}},
    )
    for _ in range(600):
        status = client.describe_processing_job(ProcessingJobName="clarify-studio")["ProcessingJobStatus"]
        if status != "InProgress":
            break
        time.sleep(0.1)
    assert status == "Completed", server.log()
    return "/studio/clarify/clarify-studio"


def test_the_list_has_jobs_of_clarify_alone(server: Any, browser: Any, analysis: str) -> None:
    plain = {"ProcessingJobName": "no-clarify-studio", "RoleArn": ROLE}
    app = {"ImageUri": "python:3.11", "ContainerEntrypoint": ["true"]}
    cluster = {"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}}
    server.boto("sagemaker").create_processing_job(**plain, AppSpecification=app, ProcessingResources=cluster)
    names: list[str] = []
    for _ in range(100):
        names = [one["name"] for one in json.loads(browser.get("/studio/clarify.json?q=clarify-studio").text)["rows"]]
        if names:
            break
        time.sleep(0.1)
    assert names == ["clarify-studio"]


def test_an_analysis(browser: Any, analysis: str) -> None:
    found = json.loads(browser.get(f"{analysis}.json").text)
    assert found["shown"] == "12 of 23"
    assert found["features"][0] == ["age", "1"]
    assert (found["row"]["row"], found["row"]["count"]) == (0, ROWS)
    assert [one["error"] for one in found["dependences"]] == ["", "it has no values"]
    (bias,) = found["biases"]
    cells = {row["name"]: row["cells"][0] for row in bias["rows"]}
    assert cells["DPPL"]["value"].startswith("+0.25")
    assert cells["CDDPL"]["error"] == "Group variable is empty"
    text = browser.get(analysis).text
    assert HOSTILE not in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text


@pytest.mark.parametrize(
    ("asked", "row"), [("0", 0), ("437", 437), ("999", 999), ("5000", 999), ("-3", 0), ("x", 0), ("9" * 5000, 0)]
)
def test_any_row_is_found(browser: Any, analysis: str, asked: str, row: int) -> None:
    found = json.loads(browser.get(f"{analysis}.json?row={asked}&label=yes").text)
    assert found["row"]["row"] == row
    score = 0.5 + row / 1000 + 0.001 * (len(FEATURES) - 1)
    page = browser.get(f"{analysis}?row={asked}&label=yes").text
    assert f">{score:.4f}".rstrip("0") in page or f"{score:.3f}" in page


def test_results_that_cannot_be_read(server: Any, browser: Any, analysis: str) -> None:
    s3 = server.boto("s3")
    key = {"Bucket": "clarify-studio", "Key": "out/analysis.json"}
    kept = s3.get_object(**key)["Body"].read()
    try:
        for body in (b"{", b"[" * 100_000, b"[]", b'{"explanations": {"kernel_shap": {"a": {}}}}', b"\xff"):
            s3.put_object(**key, Body=body)
            assert "no readable analysis.json" in browser.get(analysis).text
    finally:
        s3.put_object(**key, Body=kept)


HOSTILE_RESULTS = {
    "out/explanations_shap/out.csv": [b"a\n1\n22\n", b"", b"\xff" * 100],
    "out/explanations_shap/out.jsonl": [
        b'{"explanations": [1]}',
        b'{"explanations": [{"attributions": [{"description": 1, "attribution": 2}]}]}',
    ],
    "code/analysis_config.json": [
        b"[]",
        b'{"methods": [], "predictor": "x", "headers": 3}',
        b'{"methods": {"shap": 1}}',
    ],
}


@pytest.mark.parametrize("key", HOSTILE_RESULTS)
def test_hostile_results_leave_a_page(server: Any, browser: Any, analysis: str, key: str) -> None:
    s3 = server.boto("s3")
    place = {"Bucket": "clarify-studio", "Key": key}
    local = {"Bucket": "clarify-studio", "Key": "out/explanations_shap/out.csv"}
    kept = s3.get_object(**local)["Body"].read()
    try:
        s3.delete_object(**local)
        for body in HOSTILE_RESULTS[key]:
            s3.put_object(**place, Body=body)
            assert browser.get(analysis).status == 200, body
    finally:
        s3.delete_object(**place)
        s3.put_object(**local, Body=kept)
