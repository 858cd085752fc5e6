"""Experiments by both SDKs, as users track them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import RunningServer

PROGRAMS = Path(__file__).parents[1] / "programs"


def test_runs_of_sdk_v2(server: RunningServer, tmp_path: Path) -> None:
    done = server.sdk_v2(PROGRAMS / "experiments_v2.py", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr + server.log()
    lines = done.stdout.splitlines()
    for line in (
        "parameters: [('depth', 4), ('inside', 'yes'), ('kind', 'tree'), ('lr', 0.1)]",
        "metrics: [('auc', 3, 0.7), ('loss', 12, 1.0)]",
        "status: Completed True",
        "input: {'MediaType': 'text/csv', 'Value': 's3://bucket/data.csv'}",
        "report: all is well",
        "notes: from inside",
        "charts: [('confusion', 'ConfusionMatrix', 'Produced'), ('roc', 'ROCCurve', 'Produced')]",
        "job: Completed {'NumberValue': 10.0} SageMakerTrainingJob",
        "job's metrics: [('score', 0.75, 1, 0.75)]",
        "artifact: True",
        "runs: ['first', 'second']",
        "table: ['churn-second', 'churn-first'] [0.9, 0.7] 3",
        "trials: ('Default-Run-Group-churn',)",
        "left: []",
    ):
        assert line in lines, done.stdout


def test_runs_of_sdk_v3(server: RunningServer) -> None:
    done = server.sdk_v3(PROGRAMS / "experiments_v3.py")
    assert done.returncode == 0, done.stdout + done.stderr + server.log()
    lines = done.stdout.splitlines()
    assert "parameters: [('depth', 4), ('kind', 'tree')]" in lines, lines
    assert "metrics: [('auc', 12, 2.0, 2.0)]" in lines
    assert "runs: ['one']" in lines


@pytest.mark.sampled(1)
@pytest.mark.parametrize(("client", "root"), [("sdk_v2", "sagemaker"), ("sdk_v3", "sagemaker.core")])
def test_charts_tables_and_files_of_a_run(server: RunningServer, tmp_path: Path, client: str, root: str) -> None:
    done = getattr(server, client)(PROGRAMS / "charts_sdk.py", root, str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr + server.log()
    lines = done.stdout.splitlines()
    for line in (
        "inputs: ['rows']",
        "outputs: ['elsewhere', 'notes']",
        "charts: [('ContributedTo', 'ConfusionMatrix', 'confusion', 'ConfusionMatrix'), "
        "('Produced', 'PrecisionRecallCurve', 'precision', 'PrecisionRecallCurve'), "
        "('Produced', 'ROCCurve', 'roc', 'ROCCurve')]",
        "of the other: ['Produced']",
        "runs: ['one', 'two']",
    ):
        assert line in lines, done.stdout
