"""Models of JumpStart's catalogue on a server, by boto3: their files uploaded, trained and hosted as the SDKs ask for it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tests.conftest import ROLE
from tests.hosting import BUCKET, Hosting

from sagewright.jumpstart.archives import model_files, training_archive
from sagewright.jumpstart.entries import CatalogueEntry, SamplePayload, catalogue_folder, entries
from sagewright.jumpstart.images import IMAGES

if TYPE_CHECKING:
    from conftest import RunningServer

REGION = "us-east-1"
JSON = "application/json"
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
"""Threads of torch spin while they wait, which beside other tests costs several times what is computed."""


class JumpStartModels:
    def __init__(self, server: RunningServer, hosting: Hosting) -> None:
        self.server, self.hosting = server, hosting

    def upload(self, prefix: str, files: Mapping[str, bytes]) -> str:
        for name, body in files.items():
            self.hosting.s3.put_object(Bucket=BUCKET, Key=f"{prefix}/{name}", Body=body)
        return f"s3://{BUCKET}/{prefix}/"

    def start_training(
        self, job: str, model: str, data: Mapping[str, bytes], model_uri: str = "", **hyperparameters: Any
    ) -> None:
        """Begins a job. `data`: the files of the channel training by name; those below `validation:` are of that channel.
        `model_uri`: the model to go on with; the catalogue's without one."""
        entry = entries()[model]
        scripts = self.upload(f"{job}/scripts", {"sourcedir.tar.gz": training_archive(entry)})
        channels = {
            "training": self.upload(f"{job}/training", {k: v for k, v in data.items() if ":" not in k}),
            "model": model_uri or self.upload(f"{job}/model", model_files(entry)),
        }
        held = {key.partition(":")[2]: body for key, body in data.items() if key.startswith("validation:")}
        if held:
            channels["validation"] = self.upload(f"{job}/validation", held)
        assert entry.training is not None
        self.hosting.sagemaker.create_training_job(
            TrainingJobName=job,
            RoleArn=ROLE,
            AlgorithmSpecification={
                "TrainingImage": IMAGES[entry.image].training.format(region=REGION),
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": name, "Regex": regex} for name, regex in entry.training.metrics.items()],
            },
            HyperParameters={
                "sagemaker_program": "transfer_learning.py",
                "sagemaker_submit_directory": f"{scripts}sourcedir.tar.gz",
                **{name: str(value) for name, value in hyperparameters.items()},
            },
            InputDataConfig=[
                {
                    "ChannelName": name,
                    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}},
                }
                for name, uri in channels.items()
            ],
            OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/{job}/output"},
            ResourceConfig={"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 5},
            StoppingCondition={"MaxRuntimeInSeconds": 900},
            Environment=ONE_THREAD,
        )

    def train(self, job: str, model: str, data: Mapping[str, bytes], **hyperparameters: Any) -> dict[str, Any]:
        """Returns the description of the job that has ended."""
        self.start_training(job, model, data, **hyperparameters)
        return self.ended(job)

    def ended(self, job: str, timeout_s: float = 300) -> dict[str, Any]:
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            described: dict[str, Any] = self.hosting.sagemaker.describe_training_job(TrainingJobName=job)
            if described["TrainingJobStatus"] in {"Completed", "Failed", "Stopped"}:
                return described
            time.sleep(0.1)
        raise AssertionError((job, self.server.lines(job)[-20:]))

    def host(self, name: str, model: str, artifacts: str = "") -> None:
        """Puts a model into service: the catalogue's, or one that a job has fine-tuned."""
        entry = entries()[model]
        data = (
            {"ModelDataUrl": artifacts}
            if artifacts
            else {
                "ModelDataSource": {
                    "S3DataSource": {
                        "S3Uri": self.upload(f"{name}/hosted", model_files(entry)),
                        "S3DataType": "S3Prefix",
                        "CompressionType": "None",
                    }
                }
            }
        )
        environment = {
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
            "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
            **ONE_THREAD,
            **entry.environment,
        }
        container = {"Image": IMAGES[entry.image].hosting.format(region=REGION), "Environment": environment, **data}
        self.hosting.create_model(name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
        self.hosting.endpoint(name, self.hosting.variant("all", name))

    def ask(self, name: str, body: Any, content_type: str = JSON, accept: str = JSON) -> Any:
        raw = body if isinstance(body, str | bytes) else json.dumps(body)
        answer = self.hosting.runtime.invoke_endpoint(
            EndpointName=name, Body=raw, ContentType=content_type, Accept=accept
        )
        return json.loads(answer["Body"].read())

    def ask_sample(self, name: str, payload: SamplePayload) -> Any:
        return self.ask(name, body_of(payload), payload.content_type, payload.accept)


def body_of(payload: SamplePayload) -> str | bytes:
    if payload.file:
        return (catalogue_folder() / "payloads" / payload.file).read_bytes()
    return payload.body if isinstance(payload.body, str) else json.dumps(payload.body)


def samples(entry: CatalogueEntry) -> dict[str, SamplePayload]:
    return {payload.name: payload for payload in entry.payloads}
