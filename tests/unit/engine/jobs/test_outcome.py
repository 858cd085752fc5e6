"""How a job ended, as its hosts tell it, in AWS's forms."""

from __future__ import annotations

from typing import Any

import pytest

from sagewright.engine.jobs import outcome
from sagewright.kinds.training import TrainingKind
from sagewright.store.jobs.hosts import FINISHED, LOST, Host
from sagewright.store.jobs.jobs import Job

KIND = TrainingKind()


def host(name: str = "algo-1", **changes: Any) -> Host:
    base: dict[str, Any] = {
        "id": name, "job_id": "j", "attempt": 1, "name": name, "token_hash": "", "log_stream": "", "handle": None,
        "phase": FINISHED, "report_seq": 1, "seen_ms": 1, "exit_code": 0, "cause": "exit", "failure": None, "message": None,
    }  # fmt: skip
    return Host(**(base | changes))


def job(desired: str = "run") -> Job:
    return Job("j", "training", "0", "r", "n", 0, {}, desired, "InProgress", "Uploading", 0, 0, None, None, None)


@pytest.mark.parametrize(
    ("exit_code", "failure", "reason"),
    [
        (1, "ExecuteUserScriptError:\nExitCode 1", "AlgorithmError: ExecuteUserScriptError:\nExitCode 1, exit code: 1"),
        (137, None, "AlgorithmError: , exit code: 137"),
        (2, "Extraneous hyperparameter found: x", "ClientError: Extraneous hyperparameter found: x, exit code: 2"),
        (2, None, "AlgorithmError: , exit code: 2"),
    ],
)
def test_failure_reasons(exit_code: int, failure: str | None, reason: str) -> None:
    result = outcome.of_job(KIND, job(), [host(exit_code=exit_code, failure=failure)])
    assert (result.step, result.failure_reason) == ("Failed", reason)


def test_a_long_failure_keeps_its_exit_code() -> None:
    reason = outcome.failure_reason(KIND, host(exit_code=1, failure="x" * 5000), alone=True)
    assert len(reason) == 1024
    assert reason.endswith(", exit code: 1")


def test_the_first_failing_host_is_named() -> None:
    hosts = [
        host("algo-1", exit_code=143, cause="stop", seen_ms=3),
        host("algo-2", exit_code=1, failure="e", seen_ms=2),
    ]
    assert outcome.of_job(KIND, job(), hosts).failure_reason == "AlgorithmError: algo-2: e, exit code: 1"


def test_a_lost_host_is_an_internal_error() -> None:
    lost = host(phase=LOST, exit_code=None, failure="InternalServerError: The agent ended")
    result = outcome.of_job(KIND, job(), [lost])
    assert result.failure_reason == "InternalServerError: The agent ended"
    assert result.internal


@pytest.mark.parametrize(
    ("desired", "cause", "exit_code", "secondary"),
    [
        ("run", "exit", 0, "Completed"),
        ("stop", "stop", 0, "Stopped"),
        ("stop", "stop", 143, "Stopped"),
        ("stop", "exit", 0, "Completed"),
        ("stop", "exit", 1, "Failed"),
        ("run", "max_runtime", 137, "MaxRuntimeExceeded"),
        ("run", "stop", 0, "Failed"),
    ],
)
def test_endings(desired: str, cause: str, exit_code: int, secondary: str) -> None:
    assert outcome.of_job(KIND, job(desired), [host(cause=cause, exit_code=exit_code)]).step == secondary


def test_a_stopped_job_whose_agent_is_gone_is_stopped() -> None:
    lost = host(phase=LOST, exit_code=None, failure="InternalServerError: gone")
    assert outcome.of_job(KIND, job("stop"), [lost]).step == "Stopped"


def test_a_stopped_job_whose_upload_failed_says_so() -> None:
    broken = host(phase=LOST, exit_code=143, cause="stop", failure="ClientError: Artifact upload failed: no bucket")
    result = outcome.of_job(KIND, job("stop"), [broken])
    assert (result.step, result.failure_reason) == ("Failed", "ClientError: Artifact upload failed: no bucket")
