"""`sagewright experiments`, as a user types it."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import RunningServer

SAGEWRIGHT = Path(sys.executable).parent / "sagewright"
RUNS = {"shallow": (2.0, 0.7), "middle": (4.0, 0.9), "deep": (8.0, 0.8)}


@pytest.fixture(scope="module")
def experiment(server: RunningServer) -> RunningServer:
    sagemaker, metrics = server.boto("sagemaker"), server.boto("sagemaker-metrics")
    sagemaker.create_experiment(ExperimentName="by-hand")
    sagemaker.create_trial(TrialName="by-hand-trial", ExperimentName="by-hand")
    for name, (depth, auc) in RUNS.items():
        sagemaker.create_trial_component(
            TrialComponentName=name,
            Parameters={"depth": {"NumberValue": depth}, "eta": {"NumberValue": 0.1}, "[red]": {"StringValue": "a,b"}},
            OutputArtifacts={"model": {"Value": f"s3://b/{name}", "MediaType": "text/plain"}},
            Status={"PrimaryStatus": "Completed"},
        )
        sagemaker.associate_trial_component(TrialComponentName=name, TrialName="by-hand-trial")
        point = {"MetricName": "auc", "Timestamp": datetime.now(UTC), "Value": auc, "Step": 1}
        assert not metrics.batch_put_metrics(TrialComponentName=name, MetricData=[point]).get("Errors")
    return server


def command(server: RunningServer, *words: str, code: int = 0) -> str:
    argv = [str(SAGEWRIGHT), "experiments", *words, "--data", str(server.data)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_list_and_show(experiment: RunningServer) -> None:
    (line,) = [line for line in command(experiment, "list").splitlines() if line.strip().startswith("by-hand ")]
    assert line.split()[-1] == "1"
    shown = command(experiment, "show", "by-hand", "--metric", "auc").splitlines()
    assert [line.split()[0] for line in shown[1:]] == ["middle", "deep", "shallow"]
    assert shown[1].split()[-1] == "0.9"
    shown = command(experiment, "show", "by-hand", "--metric", "auc", "--ascending", "--limit", "1").splitlines()
    assert shown[1].split()[0] == "shallow"
    assert shown[2].strip().startswith("2 more")
    found = json.loads(command(experiment, "show", "by-hand", "--metric", "auc", "--limit", "2", "--json"))
    assert [run["TrialComponentName"] for run in found] == ["middle", "deep"]
    assert json.loads(command(experiment, "show", "deep", "--json"))["TrialComponentName"] == "deep"
    one = command(experiment, "show", "deep")
    assert "Parameters.[red]" in one
    assert "s3://b/deep" in one
    assert "there is no experiment, run or job named absent" in command(experiment, "show", "absent", code=2)


def test_compare_shows_only_what_differs(experiment: RunningServer) -> None:
    described = [line.split() for line in command(experiment, "compare", "shallow", "middle", "deep").splitlines()]
    assert described == [
        ["shallow", "middle", "deep"], ["Parameters.depth", "2", "4", "8"], ["Metrics.auc", "0.7", "0.9", "0.8"],
    ]  # fmt: skip
    assert "Parameters.eta" in command(experiment, "compare", "shallow", "deep", "--all")
    values = json.loads(command(experiment, "compare", "shallow", "deep", "--all", "--json"))["Parameters.eta"]
    assert list(values) == ["shallow", "deep"]
    assert "two or more" in command(experiment, "compare", "deep", code=2)


def test_export(experiment: RunningServer, tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(command(experiment, "export", "by-hand"))))
    assert [row["TrialComponentName"] for row in rows] == list(RUNS)
    assert [float(row["Metrics.auc.Last"]) for row in rows] == [auc for _, auc in RUNS.values()]
    assert {row["Parameters.[red]"] for row in rows} == {"a,b"}
    assert {row["Trials"] for row in rows} == {"by-hand-trial"}
    command(experiment, "export", "by-hand", "-o", str(tmp_path / "runs.csv"))
    assert len((tmp_path / "runs.csv").read_text().splitlines()) == 4
    assert "needs --output" in command(experiment, "export", "by-hand", "--format", "parquet", code=2)
    assert "not xlsx" in command(experiment, "export", "by-hand", "--format", "xlsx", code=2)


def test_parquet(experiment: RunningServer, tmp_path: Path) -> None:
    """Where pyarrow is, a file that it reads again; elsewhere a sentence that says what to install."""
    try:
        from pyarrow import parquet
    except ImportError:
        described = command(experiment, "export", "by-hand", "--format", "parquet", "-o", str(tmp_path / "r"), code=2)
        assert "pip install 'sagewright[parquet]'" in described
        return
    command(experiment, "export", "by-hand", "--format", "parquet", "-o", str(tmp_path / "r"))
    table = parquet.read_table(tmp_path / "r").to_pydict()
    assert table["Parameters.depth"] == [depth for depth, _ in RUNS.values()]
