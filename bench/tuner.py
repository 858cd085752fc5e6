"""Tuning jobs: how full their slots are, and what they cost more than threads that make the same training jobs."""

from __future__ import annotations

import io
import tarfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rows import Row
from server import ROLE, Sagewright, client, job_request, running, scratch

SECTION = "l"
JOBS, SLOTS, SECONDS = 40, 4, 0.5
ROOM = {"SAGEWRIGHT_CAPACITY_CPUS": "16", "SAGEWRIGHT_CAPACITY_MEMORY_GB": "64"}
"""The jobs sleep: as many run at once as there are slots, on a small machine too."""
SCRIPT = f"import time; time.sleep({SECONDS}); print('loss=1;')"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
BUCKET = "bench"
STATIC = {"sagemaker_program": "train.py", "sagemaker_submit_directory": f"s3://{BUCKET}/code.tar.gz"}


def measure() -> list[Row]:
    with scratch() as directory, running(Sagewright(directory / "data", environ=ROOM)) as server:
        assert isinstance(server, Sagewright)
        _put_script(client(server.endpoint, server.key(), "s3"))
        sagemaker = client(server.endpoint, server.key())
        _loop(sagemaker, SLOTS)  # makes the environment, and the classes warm
        loop_s = _loop(sagemaker, JOBS)
        tuned_s, used = _tuned(sagemaker)
    told = f"{JOBS * SECONDS / SLOTS:.0f} s if nothing took any time"
    peer = f"{SLOTS} threads of boto3 that make the same jobs"
    return [
        Row(SECTION, f"{JOBS} jobs of {SECONDS} s, {SLOTS} at once", tuned_s, "s", peer, loop_s, told),
        Row(
            SECTION, "slots in use from the first creation to the last end", used * 100, "%", "all the time", 100.0,
            "from a job's end to the next one's creation", higher_is_better=True,
        ),
    ]  # fmt: skip


def _put_script(s3: Any) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        info = tarfile.TarInfo("train.py")
        info.size = len(SCRIPT)
        tar.addfile(info, io.BytesIO(SCRIPT.encode()))
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="code.tar.gz", Body=buffer.getvalue())


def _loop(sagemaker: Any, count: int) -> float:
    """Seconds that threads need of which each makes a job, waits for its end, and makes the next one."""

    def one(_number: int) -> None:
        name = f"loop-{uuid.uuid4().hex}"
        sagemaker.create_training_job(**job_request(name, IMAGE), HyperParameters=STATIC | {"x": "0.5"})
        while sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"] == "InProgress":
            time.sleep(0.02)

    began = time.monotonic()
    with ThreadPoolExecutor(SLOTS) as pool:
        list(pool.map(one, range(count)))
    return time.monotonic() - began


def _tuned(sagemaker: Any) -> tuple[float, float]:
    """Seconds of a tuning job with as many jobs, and the share of its slots that had one."""
    name = f"bench-{uuid.uuid4().hex[:8]}"
    began = time.monotonic()
    sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name,
        HyperParameterTuningJobConfig={
            "Strategy": "Bayesian",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": JOBS, "MaxParallelTrainingJobs": SLOTS},
            "ParameterRanges": {"ContinuousParameterRanges": [{"Name": "x", "MinValue": "0", "MaxValue": "1"}]},
        },
        TrainingJobDefinition={
            "StaticHyperParameters": STATIC,
            "AlgorithmSpecification": {
                "TrainingImage": IMAGE,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9.]+);"}],
            },
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/output"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        },
    )
    told = {"HyperParameterTuningJobName": name}
    while sagemaker.describe_hyper_parameter_tuning_job(**told)["HyperParameterTuningJobStatus"] == "InProgress":
        time.sleep(0.02)
    took = time.monotonic() - began
    jobs = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(**told, MaxResults=100)["TrainingJobSummaries"]
    spans = [(one["CreationTime"].timestamp(), one["TrainingEndTime"].timestamp()) for one in jobs]
    whole = max(end for _, end in spans) - min(start for start, _ in spans)
    return took, sum(end - start for start, end in spans) / (SLOTS * whole)
