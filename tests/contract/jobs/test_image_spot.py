"""A spot job of image classification is interrupted, goes on from its checkpoint, and leaves what an unbroken one leaves."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.conftest import ROLE
from tests.pictures import pictures

if TYPE_CHECKING:
    from conftest import RunningServer

BUCKET = "spot-images"
IMAGE = "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1"


def create(server: RunningServer, name: str, **changes: object) -> None:
    server.boto("sagemaker").create_training_job(
        TrainingJobName=name,
        RoleArn=ROLE,
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        HyperParameters={
            "num_classes": "2", "num_training_samples": "40", "num_layers": "20", "image_shape": "1,8,8", "epochs": "60",
            "mini_batch_size": "10", "augmentation_type": "crop",
        },
        InputDataConfig=[
            {
                "ChannelName": channel,
                "ContentType": "application/x-recordio",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{channel}"}},
            }
            for channel in ("train", "validation")
        ],
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/output"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        **{"StoppingCondition": {"MaxRuntimeInSeconds": 600}, **changes},
    )  # fmt: skip


def model(server: RunningServer, name: str) -> dict[str, bytes]:
    """The files of the job's archive."""
    body = server.boto("s3").get_object(Bucket=BUCKET, Key=f"output/{name}/output/model.tar.gz")["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as packed:
        streams = {member.name: packed.extractfile(member) for member in packed if member.isfile()}
        return {name: stream.read() for name, stream in streams.items() if stream is not None}


@pytest.mark.soak
def test_an_interrupted_job_leaves_what_an_unbroken_one_leaves(own_server: RunningServer, job_name: str) -> None:
    own_server.start()
    s3 = own_server.boto("s3")
    s3.create_bucket(Bucket=BUCKET)
    for channel in ("train", "validation"):
        s3.put_object(Bucket=BUCKET, Key=f"{channel}/a.rec", Body=pictures())
    create(own_server, f"{job_name}-whole")
    create(
        own_server,
        job_name,
        EnableManagedSpotTraining=True,
        StoppingCondition={"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 900},
        CheckpointConfig={"S3Uri": f"s3://{BUCKET}/checkpoints"},
    )
    own_server.when_logged(job_name, "Epoch[3] Validation-accuracy")
    command = [str(Path(sys.executable).parent / "sagewright"), "jobs", "interrupt", job_name]
    subprocess.run([*command, "--data", str(own_server.data)], check=True, capture_output=True)
    job = own_server.wait(job_name, 300)
    assert job["TrainingJobStatus"] == "Completed", own_server.lines(job_name)
    assert "Interrupted" in [step["Status"] for step in job["SecondaryStatusTransitions"]]
    assert any("Training continues from checkpoint" in line for line in own_server.lines(job_name))
    assert own_server.wait(f"{job_name}-whole", 300)["TrainingJobStatus"] == "Completed"
    assert model(own_server, job_name) == model(own_server, f"{job_name}-whole")
