"""Apache Airflow's operators, hooks and sensors for SageMaker and S3, executed without a scheduler."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import RunningServer

PROGRAM = Path(__file__).parent.parent / "programs" / "airflow_jobs.py"
PYTHON = Path(__file__).parents[3] / ".cache" / "clients" / "airflow" / "bin" / "python"


@pytest.mark.parametrize(
    "options",
    [
        [],
        pytest.param(["--log"], marks=pytest.mark.soak, id="log"),  # its operator looks at a job it follows every 30 s
    ],
)
def test_tasks_of_a_dag(server: RunningServer, tmp_path: Path, options: list[str]) -> None:
    environ = {**os.environ, "AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    done = server.door(str(PYTHON), str(PROGRAM), *options, cwd=tmp_path, env=environ)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert "every task succeeded" in done.stdout
    if options:
        assert "trained" in done.stdout + done.stderr
