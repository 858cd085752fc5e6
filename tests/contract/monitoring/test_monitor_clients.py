"""Programs of the SDKs that monitor an endpoint, unmodified."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import RunningServer

PROGRAMS = Path(__file__).parents[1] / "programs"


def test_monitors_of_sdk_v2(server: RunningServer, tmp_path: Path) -> None:
    done = server.sdk_v2(PROGRAMS / "monitors_v2.py", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr + server.log()[-3000:]
    said = done.stdout
    assert "monitors: []\nschedule: none" in said
    assert "types: [('label', 'Integral'), ('x', 'Integral'), ('y', 'Fractional'), ('word', 'String')]" in said
    assert "domain: ['a', 'b']" in said
    assert "job: CompletedWithViolations: Job completed successfully with " in said
    assert "('word', 'categorical_values_check')" in said
    assert "('x', 'baseline_drift_check')" not in said
    assert "rows: 100" in said
    assert "metrics: 11" in said
    assert "alarm: ALARM" in said
    assert "alert: InAlert" in said
    assert "attached: True" in said
    assert "updated: {'ScheduleExpression': 'cron(0 3 ? * * *)'}" in said
    assert "baseline accuracy: 1.0" in said
    assert "accuracy: 0.89" in said
    assert "model violations: ['accuracy', " in said
    assert "monitors: ['DefaultModelMonitor', 'ModelQualityMonitor']" in said
    assert said.rstrip().endswith("monitors: []")
    names = [one["EndpointName"] for one in server.boto("sagemaker").list_endpoints()["Endpoints"]]
    assert "monitored-v2" not in names


def test_monitors_of_sdk_v3(server: RunningServer, tmp_path: Path) -> None:
    done = server.sdk_v3(PROGRAMS / "monitors_v3.py", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr + server.log()[-3000:]
    said = done.stdout
    assert "execution: Completed\n" in said
    assert "schedule: Scheduled monitored-v3" in said
    assert "definition: 1" in said
    assert "stopped: Stopped" in said
    assert "left: []" in said


def test_monitors_of_sdk_v2_that_run_clarify(server: RunningServer, tmp_path: Path) -> None:
    done = server.sdk_v2(PROGRAMS / "monitors_clarify_v2.py", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr + server.log()[-3000:]
    said = done.stdout
    assert said.count("execution: CompletedWithViolations") == 2
    assert "violations: [('Gender', 'DPPL')]" in said
    assert "explained: [('label0', 'feature_attribution_drift_check')]" in said
    assert "metrics: True False\nmetrics: False True" in said


def test_monitors_of_sdk_v2_judge_a_transform_job(server: RunningServer) -> None:
    done = server.sdk_v2(PROGRAMS / "monitors_batch_v2.py")
    assert done.returncode == 0, done.stdout + done.stderr + server.log()[-3000:]
    said = done.stdout
    assert "csv: 60 {5} 60 1\n" in said
    assert "accuracy: True" in said
    assert "merged: True" in said
    parts = {"batchTransformOutput": {"data": "20,0,0", "encoding": "CSV"}}
    assert f"record: ['captureData', 'eventMetadata', 'eventVersion', 'groundTruthData'] {parts} True" in said
    assert "json: ['SageMakerInferenceId', 'SageMakerInferenceTime', 'SageMakerOutput', 'f']" in said
    assert said.count("execution: Completed ") == 3
    (of_csv, of_json) = (
        [line.removeprefix(kind) for line in said.splitlines() if line.startswith(f"{kind} D")]
        for kind in ("csv", "jsonl")
    )
    assert of_csv == of_json == [" DPL 0.5", " DPPL -0.2"]
