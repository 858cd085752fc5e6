"""Trackers of data and runs: DVC and MLflow on S3, and the package sagemaker-experiments."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import RunningServer

PROGRAMS = Path(__file__).parent.parent / "programs"
BIN = Path(__file__).parents[3] / ".cache" / "clients" / "tracking" / "bin"


@pytest.fixture
def bucket(server: RunningServer) -> str:
    name = f"tracking-{uuid.uuid4().hex[:8]}"
    server.boto("s3").create_bucket(Bucket=name)
    return name


def test_data_versions_of_dvc(server: RunningServer, bucket: str, tmp_path: Path) -> None:
    done = server.door("bash", str(PROGRAMS / "dvc.sh"), str(BIN / "dvc"), bucket, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("versions are there\n")


def test_artefacts_of_mlflow(server: RunningServer, bucket: str, tmp_path: Path) -> None:
    program = str(PROGRAMS / "mlflow_artifacts.py")
    done = server.door(str(BIN / "python"), program, bucket, str(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("artefacts are there\n")
    keys = [one["Key"] for one in server.boto("s3").list_objects_v2(Bucket=bucket)["Contents"]]
    assert len([key for key in keys if key.startswith("mlflow/")]) == 3


def test_trackers_of_the_package_sagemaker_experiments(server: RunningServer, bucket: str, tmp_path: Path) -> None:
    program = str(PROGRAMS / "smexperiments_tracker.py")
    done = server.door(str(BIN / "python"), "-W", "ignore", program, bucket, str(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    for line in (
        "parameters: {'depth': 3, 'kind': 'tree'}",
        "status: Completed prepared",
        "artifacts: ['rows', 'source'] ['prediction']",
        "lineage: ['ContributedTo', 'Produced', 'Produced']",
        "components: [True]",
        "trials: ['old-trial']",
        "found: ['prepared']",
        "left: 0",
    ):
        assert line in lines, done.stdout
