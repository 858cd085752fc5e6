"""Endpoints for checks: a model of a few lines, deployed and deleted again."""

from __future__ import annotations

import time
from typing import Any

from tests.hosting import ECHO, archive

from services.target import Target, fresh

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
BUCKET = "check-models"
LIMIT_S = 120


def begin(target: Target, **more: Any) -> str:
    """An endpoint in Creating, with a configuration and a model of its name and one variant, `all`.

    `more`: members of the configuration.
    """
    sagemaker, s3, name = target.boto("sagemaker"), target.boto("s3"), fresh("endpoint")
    s3.create_bucket(Bucket=BUCKET)  # in us-east-1 one of one's own is made again
    s3.put_object(Bucket=BUCKET, Key=f"{name}.tar.gz", Body=archive({"code/inference.py": ECHO.replace("WORD", name)}))
    environment = {
        "SAGEMAKER_PROGRAM": "inference.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
        "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
    }
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/{name}.tar.gz", "Environment": environment}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=target.role, PrimaryContainer=container)
    variant = {"VariantName": "all", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], **more)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    return name


def settle(target: Target, name: str) -> str:
    """Its status once nothing is under way."""
    deadline = time.monotonic() + LIMIT_S
    while True:
        status: str = target.boto("sagemaker").describe_endpoint(EndpointName=name)["EndpointStatus"]
        if status not in {"Creating", "Updating"}:
            return status
        assert time.monotonic() < deadline, f"{name} is {status}"
        time.sleep(0.1)


def end(target: Target, name: str) -> None:
    """Delete it, with its configuration and its model."""
    settle(target, name)
    sagemaker = target.boto("sagemaker")
    sagemaker.delete_endpoint(EndpointName=name)
    sagemaker.delete_endpoint_config(EndpointConfigName=name)
    sagemaker.delete_model(ModelName=name)
