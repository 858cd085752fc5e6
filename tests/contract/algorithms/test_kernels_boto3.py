"""Machine code of built-in algorithms, made before the first job that needs it."""

from __future__ import annotations

import platform
import uuid
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import ENVIRONMENTS, OUTPUT, ROLE, RunningServer

REGISTRY = "766337827248.dkr.ecr.us-east-1.amazonaws.com"
WORDS = {"mode": "skipgram", "min_count": "1", "epochs": "1", "vector_dim": "5"}
TOPICS = {"feature_dim": "4", "num_topics": "2", "mini_batch_size": "40", "_sweeps": "3"}
SENTENCES = "\n".join(" ".join(f"w{n % 7 + m}" for m in range(9)) for n in range(40))
ROWS = "\n".join(f"{n % 4},{n % 3},{n % 5},{n % 2}" for n in range(40))


@pytest.fixture
def train(server: RunningServer) -> Any:
    """Trains BlazingText, which numba loads, or LDA, whose kernel is native."""
    s3 = server.boto("s3")
    if OUTPUT not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=OUTPUT)

    def run(algorithm: str = "blazingtext", **environment: str) -> list[str]:
        topics = algorithm == "lda"
        job = f"{algorithm}-{uuid.uuid4().hex[:8]}"
        s3.put_object(Bucket=OUTPUT, Key=f"{algorithm}/part", Body=(ROWS if topics else SENTENCES).encode())
        place = {
            "S3Uri": f"s3://{OUTPUT}/{algorithm}",
            "S3DataDistributionType": "ShardedByS3Key" if topics else "FullyReplicated",
        }
        source = {"S3DataType": "S3Prefix", **place}
        content = "text/csv;label_size=0" if topics else "text/plain"
        server.boto("sagemaker").create_training_job(
            TrainingJobName=job,
            AlgorithmSpecification={"TrainingImage": f"{REGISTRY}/{algorithm}:1", "TrainingInputMode": "File"},
            HyperParameters=TOPICS if topics else WORDS,
            Environment=environment,
            RoleArn=ROLE,
            InputDataConfig=[{"ChannelName": "train", "ContentType": content, "DataSource": {"S3DataSource": source}}],
            OutputDataConfig={"S3OutputPath": f"s3://{OUTPUT}/out"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            StoppingCondition={"MaxRuntimeInSeconds": 200},
        )
        ended = server.wait(job)
        assert ended["TrainingJobStatus"] == "Completed", ended["FailureReason"]
        return server.lines(job)

    return run


@pytest.mark.skipif(platform.machine() != "x86_64", reason="numba loads all of it elsewhere")
def test_native_code_needs_no_numba(train: Any) -> None:
    imported = {line.rpartition("|")[2].strip() for line in train("lda", PYTHONPROFILEIMPORTTIME="1") if "|" in line}
    assert "sagewright.algorithms.native.machinecode" in imported
    assert "numba" not in imported


def test_jobs_load_what_was_compiled_before_them(train: Any) -> None:
    for _ in range(2):
        said = [line for line in train(NUMBA_DEBUG_CACHE="1") if line.startswith("[cache]")]
        assert any("data loaded from" in line for line in said), said
        assert not any("data saved to" in line for line in said), said


def test_a_job_that_compiles_elsewhere_leaves_nothing_there(train: Any, tmp_path: Path) -> None:
    """A job's writes into its environment are private."""
    train()
    kept = {path: path.stat().st_mtime_ns for path in ENVIRONMENTS.glob("text-*/kernels/*/*/*")}
    assert kept
    said = train(NUMBA_DEBUG_CACHE="1", NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="")
    assert any("data saved to" in line for line in said), said
    now = {path: path.stat().st_mtime_ns for path in ENVIRONMENTS.glob("text-*/kernels/*/*/*")}
    assert {path: now.get(path) for path in kept} == kept
