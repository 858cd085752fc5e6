"""Tuners of both SDKs, the AWS CLI and `sagewright tuning`, as users use them."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.conftest import CLIENTS
from tests.tuning import Tuners, request

if TYPE_CHECKING:
    from conftest import RunningServer

EXAMPLES = Path(__file__).parents[3] / "examples"
PROGRAMS = Path(__file__).parents[1] / "programs"
SAGEWRIGHT = Path(sys.executable).parent / "sagewright"


def said(done: subprocess.CompletedProcess[str], server: RunningServer) -> list[str]:
    assert done.returncode == 0, done.stdout + done.stderr + server.log()
    return [line for line in done.stdout.splitlines() if ": " in line]


@pytest.mark.sampled(1, of="tuners of the SDKs")
def test_sdk_v2(server: RunningServer, tmp_path: Path) -> None:
    lines = said(server.sdk_v2(PROGRAMS / "tuner_v2.py", str(tmp_path)), server)
    for line in (
        "table: 4 ['FinalObjectiveValue', 'criterion', 'max-depth', 'max-features']",
        "best: True",
        "best estimator: SKLearn True",
        "attached: True SKLearn",
        "warm: Completed True",
        "built-in: True",
        "objective metric: ObjectiveMetric",
        "several: ['a', 'b']",
        "autotuned: Completed",
    ):
        assert line in lines, lines


@pytest.mark.sampled(1, of="tuners of the SDKs")
def test_sdk_v3(server: RunningServer, tmp_path: Path) -> None:
    lines = said(server.sdk_v3(PROGRAMS / "tuner_v3.py", str(tmp_path)), server)
    assert "tuned: Completed 4" in lines, lines
    assert "best: True" in lines


@pytest.mark.soak  # 40 trainings; the programs above have fewer
@pytest.mark.parametrize(("client", "program"), [("sdk-v2", "tune_xgboost.py"), ("sdk-v3", "tune_v3.py")])
def test_the_examples(server: RunningServer, client: str, program: str) -> None:
    done = server.door(str(CLIENTS / client / "bin" / "python"), "-W", "ignore", program, cwd=EXAMPLES)
    assert done.returncode == 0, done.stdout + done.stderr + server.log()
    (best,) = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("best: ")]
    described = Tuners(server).describe(best.rsplit("-", 2)[0])
    assert described["BestTrainingJob"]["TrainingJobName"] == best
    assert described["ObjectiveStatusCounters"]["Succeeded"] == 20
    assert described["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] > 0.9


def test_aws_cli(server: RunningServer, tmp_path: Path) -> None:
    Tuners(server)
    asked = tmp_path / "request.json"
    asked.write_text(json.dumps(request("by-cli", jobs=2)))
    aws = str(CLIENTS / "aws-cli" / "bin" / "aws")
    made = server.door(aws, "sagemaker", "create-hyper-parameter-tuning-job", "--cli-input-json", f"file://{asked}")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["HyperParameterTuningJobArn"].endswith("hyper-parameter-tuning-job/by-cli")
    Tuners(server).wait("by-cli")
    listed = server.door(
        aws,
        "sagemaker",
        "list-training-jobs-for-hyper-parameter-tuning-job",
        "--hyper-parameter-tuning-job-name",
        "by-cli",
    )
    assert len(json.loads(listed.stdout)["TrainingJobSummaries"]) == 2


@pytest.fixture(scope="module")
def ended(server: RunningServer) -> str:
    Tuners(server).run("by-hand", jobs=5, parallel=3)
    return "by-hand"


def command(server: RunningServer, *words: str) -> str:
    argv = [str(SAGEWRIGHT), "tuning", *words, "--data", str(server.data)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_command_lists_and_shows(server: RunningServer, ended: str) -> None:
    assert ended in command(server, "list")
    shown = command(server, "show", ended)
    assert "Completed" in shown
    assert "5 of 5: 0 running, 5 completed" in shown
    children = Tuners(server).children(ended, SortBy="FinalObjectiveMetricValue")
    lines = [line for line in shown.splitlines() if line.strip().startswith("by-hand-0")]
    assert [line.split()[0] for line in lines] == [one["TrainingJobName"] for one in children]
    assert any(set(line.split()[-1]) <= set("▁▂▃▄▅▆▇█") for line in shown.splitlines() if "by job" in line)


def test_the_command_exports_a_table(server: RunningServer, ended: str) -> None:
    rows = list(csv.DictReader(io.StringIO(command(server, "show", ended, "--export", "csv"))))
    children = Tuners(server).children(ended)
    assert [row["TrainingJobName"] for row in rows] == [one["TrainingJobName"] for one in children]
    assert [row["x"] for row in rows] == [one["TunedHyperParameters"]["x"] for one in children]
    assert [float(row["Value"]) for row in rows] == [
        one["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for one in children
    ]


def test_the_command_follows_and_stops(server: RunningServer) -> None:
    tuners = Tuners(server)
    tuners.create("by-hand-long", jobs=50, static={"epochs": "1000", "pause": "0.1"})
    argv = [str(SAGEWRIGHT), "tuning", "show", "by-hand-long", "-f", "--data", str(server.data)]
    following = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert "by-hand-long is being stopped" in command(server, "stop", "by-hand-long")
    out, _ = following.communicate(timeout=60)
    assert following.returncode == 0
    assert "Stopped" in out
