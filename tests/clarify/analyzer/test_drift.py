"""Violations of a baseline, and metrics for CloudWatch."""

import json

import pytest

from sagewright.clarify.analyzer import drift
from sagewright.clarify.analyzer.job import ClarifyJob


def analysis(value, shap=None, name="DPPL"):
    metrics = [{"name": name, "description": name, "value": value}]
    section = {
        "label": "T",
        "label_value_or_threshold": "1",
        "facets": {"G": [{"value_or_threshold": "0", "metrics": metrics}]},
    }
    made = {"version": "1.0", "post_training_bias_metrics": section}
    if shap:
        made["explanations"] = {"kernel_shap": {"label0": {"global_shap_values": shap, "expected_value": 0.5}}}
    return made


@pytest.fixture
def job(tmp_path):
    (tmp_path / "out").mkdir()
    return ClarifyJob(tmp_path, "arn", "job", tmp_path, tmp_path, tmp_path / "out", "", "algo-1", ("algo-1",))


def violations(job, current, baseline):
    (job.root / "baseline.json").write_text(json.dumps(baseline))
    drift.check(job, current, {"baseline_constraints": "/opt/ml/baseline.json"})
    return json.loads((job.output / "constraint_violations.json").read_text())["violations"]


@pytest.mark.parametrize(
    ("now", "then", "name", "violated"),
    [
        (0.1, 0.2, "DPPL", False),
        (-0.3, 0.2, "DPPL", True),
        (0.2, 0.2, "DPPL", False),
        (0.9, 0.8, "DI", False),
        (1.3, 0.8, "DI", True),
        ("Infinity", 3.0, "DI", True),
        (None, 0.1, "DPPL", False),
    ],
)
def test_a_bias_metric_that_is_further_from_no_bias(job, now, then, name, violated):
    found = violations(job, analysis(now, name=name), analysis(then, name=name))
    assert bool(found) is violated
    if found:
        assert found[0]["constraint_check_type"] == "bias_drift_check"
        assert found[0]["description"] == f"Value {float(now)} does not meet the constraint requirement"


def test_features_whose_order_changed(job):
    before = {"SAT": 0.70, "GPA": 0.50, "Rank": 0.05}
    after = {"SAT": 0.10, "GPA": 0.20, "Rank": 0.70}
    (found,) = violations(job, analysis(0, after), analysis(0, before))
    assert found["label"] == "label0"
    assert found["description"].startswith("Feature attribution drift 0.6876")
    assert found["description"].endswith("exceeds threshold 0.9")
    assert violations(job, analysis(0, before), analysis(0, before)) == []


def test_metrics_for_cloudwatch(job):
    environment = {
        "publish_cloudwatch_metrics": "Enabled",
        "sagemaker_endpoint_name": "e",
        "sagemaker_monitoring_schedule_name": "s",
        "end_time": "2026-01-01T01:00:00Z",
    }
    drift.check(job, analysis("-Infinity", {"Age": 0.25}), environment)
    text = (job.root / "output/metrics/cloudwatch/cloudwatch_metrics.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["MetricName"] for line in lines] == ["bias_metric_DPPL", "feature_Age", "ExpectedValue"]
    assert lines[0]["Value"] < -1e300
    dimensions = {one["Name"]: one["Value"] for one in lines[1]["Dimensions"]}
    assert dimensions == {
        "Endpoint": "e",
        "MonitoringSchedule": "s",
        "ExplainabilityMethod": "KernelShap",
        "Label": "label0",
        "ValueType": "GlobalShapValues",
    }
