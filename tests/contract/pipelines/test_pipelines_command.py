"""`sagewright pipelines`, as a user types it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.pipelines import Pipelines, get, job

if TYPE_CHECKING:
    from conftest import RunningServer

SAGEWRIGHT = Path(sys.executable).parent / "sagewright"


@pytest.fixture(scope="module")
def pipelines(server: RunningServer) -> Pipelines:
    made = Pipelines(server)
    cached = job("first", "echo hello from first", arguments={"Environment": {"W": get("Parameters.W")}})
    cached["CacheConfig"] = {"Enabled": True, "ExpireAfter": "PT1H"}
    made.create(
        "by-hand", cached, job("second", "exit ${CODE:-1}", DependsOn=["first"]),
        parameters=[{"Name": "W", "Type": "String", "DefaultValue": "a"}],
    )  # fmt: skip
    return made


def command(pipelines: Pipelines, *words: str) -> str:
    argv = [str(SAGEWRIGHT), "pipelines", *words, "--data", str(pipelines.server.data)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_start_show_logs_retry_and_list(pipelines: Pipelines) -> None:
    execution = command(pipelines, "start", "by-hand").strip()
    shown = command(pipelines, "show", execution, "--follow")
    lines = [line.strip() for line in shown.splitlines()]
    assert f"by-hand/execution/{execution}" in shown
    assert "Failed" in lines[0]
    (first,) = [line for line in lines if "first" in line]
    (second,) = [line for line in lines if "second" in line]
    assert "✓" in first
    assert "✗" in second
    assert lines.index(second) == lines.index(first) + 1
    assert shown.index("✗") - shown.rindex("\n", 0, shown.index("✗")) > shown.index("✓") - shown.rindex(
        "\n", 0, shown.index("✓")
    )
    assert "first | algo-1 | hello from first" in command(pipelines, "logs", execution)
    assert "second" not in command(pipelines, "logs", execution, "--step", "first")
    assert "is executed again" in command(pipelines, "retry", execution)
    ended = json.loads(command(pipelines, "show", "by-hand", "-f", "--json"))
    assert ended["PipelineExecutionStatus"] == "Failed"
    assert [one["StepName"] for one in ended["PipelineExecutionSteps"]] == ["first", "second"]
    assert execution in command(pipelines, "list", "by-hand")
    assert "by-hand" in command(pipelines, "list")


def test_why_miss(pipelines: Pipelines) -> None:
    for word in ("x", "x", "y"):
        arn = pipelines.start("by-hand", PipelineParameters=[{"Name": "W", "Value": word}])
        pipelines.wait(arn)
        said = command(pipelines, "why-miss", "by-hand", "first")
    assert "differs from that of" in said
    assert "Environment.W" in said
    assert json.loads(command(pipelines, "why-miss", "by-hand", "first", "--json"))["Reason"] == said.strip()
    assert "second has no enabled CacheConfig" in command(pipelines, "why-miss", "by-hand", "second")
    pipelines.wait(pipelines.start("by-hand", PipelineParameters=[{"Name": "W", "Value": "y"}]))
    assert "was reused from" in command(pipelines, "why-miss", "by-hand", "first")


def test_stop(pipelines: Pipelines) -> None:
    pipelines.create("slow", job("long", "sleep 100"))
    execution = command(pipelines, "start", "slow").strip()
    until = time.monotonic() + 30
    while "…" not in command(pipelines, "show", execution):
        assert time.monotonic() < until
    assert "is being stopped" in command(pipelines, "stop", "slow")
    assert "Stopped" in command(pipelines, "show", execution, "-f")
