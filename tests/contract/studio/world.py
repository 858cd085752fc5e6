"""Things that Studio's pages show, made as users make them."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"
BUCKET = "studio-pages"


@dataclass(frozen=True)
class World:
    """Names of what the pages show."""

    job: str
    failed: str
    group: str
    pipeline: str
    execution: str
    experiment: str


def make_world(server: Any) -> World:
    s3 = server.boto("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="model.tar.gz", Body=b"an archive")
    rows = "\n".join(f"{at % 2},{at % 7},{at % 5}" for at in range(200))
    s3.put_object(Bucket=BUCKET, Key="train/data.csv", Body=rows.encode())
    s3.put_object(Bucket=BUCKET, Key=f"odd/{EVIL.replace('/', '_')}.csv", Body=b"a,b\n<b>1</b>,=cmd()\n")
    names = {kind: f"studio-{kind}-{time.time_ns()}" for kind in ("good", "bad")}
    train(
        server,
        names["good"],
        {"objective": "binary:logistic", "num_round": "5", "max_depth": "3"},
        [{"Key": "team", "Value": "growth"}],
    )
    train(server, names["bad"], {"objective": "binary:logistic", "num_round": "5", "max_depth": "-4"})
    group, pipeline, execution = _resources(server)
    server.wait(names["good"])
    server.wait(names["bad"])
    return World(
        names["good"],
        names["bad"],
        group,
        pipeline,
        execution,
        "studio-experiment",
    )


def _resources(server: Any) -> tuple[str, str, str]:
    """Makes an experiment, a group with two versions, an alarm and a pipeline that has run."""
    sagemaker, cloudwatch = server.boto("sagemaker"), server.boto("cloudwatch")
    sagemaker.create_experiment(ExperimentName="studio-experiment", Description=EVIL)
    group = "studio-group"
    sagemaker.create_model_package_group(ModelPackageGroupName=group, ModelPackageGroupDescription=EVIL)
    for status in ("Approved", "PendingManualApproval"):
        sagemaker.create_model_package(
            ModelPackageGroupName=group,
            ModelApprovalStatus=status,
            ModelPackageDescription=EVIL,
            CustomerMetadataProperties={"auc": "0.9" if status == "Approved" else "0.93"},
            InferenceSpecification={
                "Containers": [{"Image": XGBOOST, "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz"}],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
        )
    cloudwatch.put_metric_alarm(
        AlarmName="studio-alarm",
        AlarmDescription=EVIL,
        Namespace="Mine",
        MetricName="waiting",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    steps = [{"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "because"}}]
    definition = {
        "Version": "2020-12-01",
        "Parameters": [{"Name": "Depth", "Type": "Integer", "DefaultValue": 4}],
        "Steps": steps,
    }
    sagemaker.create_pipeline(
        PipelineName="studio-pipeline",
        PipelineDefinition=json.dumps(definition),
        ClientRequestToken="x" * 32,
        RoleArn=ROLE,
    )
    execution = sagemaker.start_pipeline_execution(PipelineName="studio-pipeline")["PipelineExecutionArn"]
    return group, "studio-pipeline", execution.rpartition("/")[2]


def train(server: Any, name: str, parameters: dict[str, str], tags: list[dict[str, str]] | None = None) -> None:
    channels = [
        {
            "ChannelName": one,
            "ContentType": "text/csv",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/train/"}},
        }
        for one in ("train", "validation")
    ]
    server.boto("sagemaker").create_training_job(
        TrainingJobName=name,
        RoleArn=ROLE,
        AlgorithmSpecification={"TrainingImage": XGBOOST, "TrainingInputMode": "File"},
        HyperParameters=parameters,
        InputDataConfig=channels,
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/output/"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
        Tags=tags or [],
    )
