"""Machine code of built-in algorithms, made before the first job that needs it."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import ENVIRONMENTS, OUTPUT, ROLE, RunningServer

IMAGE = "766337827248.dkr.ecr.us-east-1.amazonaws.com/lda:1"
ROWS = "\n".join(f"{n % 4},{n % 3},{n % 5},{n % 2}" for n in range(40))


@pytest.fixture
def train(server: RunningServer) -> Any:
    s3 = server.boto("s3")
    if OUTPUT not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=OUTPUT)
    s3.put_object(Bucket=OUTPUT, Key="documents/part.csv", Body=ROWS.encode())
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{OUTPUT}/documents", "S3DataDistributionType": "ShardedByS3Key"}

    def run(**environment: str) -> list[str]:
        job = f"topics-{uuid.uuid4().hex[:8]}"
        server.boto("sagemaker").create_training_job(
            TrainingJobName=job,
            AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            HyperParameters={"feature_dim": "4", "num_topics": "2", "mini_batch_size": "40", "_sweeps": "3"},
            Environment=environment,
            RoleArn=ROLE,
            InputDataConfig=[
                {"ChannelName": "train", "ContentType": "text/csv;label_size=0", "DataSource": {"S3DataSource": source}}
            ],
            OutputDataConfig={"S3OutputPath": f"s3://{OUTPUT}/out"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            StoppingCondition={"MaxRuntimeInSeconds": 200},
        )
        ended = server.wait(job)
        assert ended["TrainingJobStatus"] == "Completed", ended["FailureReason"]
        return server.lines(job)

    return run


def test_jobs_load_what_was_compiled_before_them(train: Any) -> None:
    for _ in range(2):
        said = [line for line in train(NUMBA_DEBUG_CACHE="1") if line.startswith("[cache]")]
        assert any("data loaded from" in line for line in said), said
        assert not any("data saved to" in line for line in said), said


def test_a_job_that_compiles_elsewhere_leaves_nothing_there(train: Any, tmp_path: Path) -> None:
    """What a job writes into its environment is its own."""
    train()
    kept = {path: path.stat().st_mtime_ns for path in ENVIRONMENTS.glob("numeric-*/kernels/*/*/*")}
    assert kept
    said = train(NUMBA_DEBUG_CACHE="1", NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="")
    assert any("data saved to" in line for line in said), said
    now = {path: path.stat().st_mtime_ns for path in ENVIRONMENTS.glob("numeric-*/kernels/*/*/*")}
    assert {path: now.get(path) for path in kept} == kept
