"""`sagewright up --demo`: example resources for Studio, created as any client creates them.

A small churn table is drawn from a fixed seed; jobs, a tuning job, model versions, a pipeline and an endpoint are
created from it with boto3.
"""

from __future__ import annotations

import json
import math
import random
import time
from typing import Any

from sagewright.cli.client import client
from sagewright.model.aws.arns import ROLE_NAME, role_arn
from sagewright.model.settings import Settings

GROUP, PIPELINE, ENDPOINT = "demo-churn", "demo-weekly", "demo-churn"
ROWS = 3000
ARTEFACT = "Steps.Shallow.ModelArtifacts.S3ModelArtifacts"
TRIALS = 8
WAIT_S = 900


class Demo:
    """Creates the examples; whatever exists already is left as it is."""

    def __init__(self, settings: Settings) -> None:
        self._sagemaker, self._s3 = client(settings, "sagemaker"), client(settings, "s3")
        self._role = role_arn(settings.account, ROLE_NAME)
        self._bucket = f"sagemaker-{settings.region}-{settings.account}"
        self._image = f"683313688378.dkr.ecr.{settings.region}.amazonaws.com/sagemaker-xgboost:1.7-1"
        self._stamp = time.strftime("%y%m%d-%H%M%S")

    def run(self) -> None:
        """Raises botocore's ClientError."""
        self._upload()
        names = [self._train(depth) for depth in (2, 4, 8)]
        self._tune()
        for name in names:
            self._wait(name)
        self._register(names[1], "Approved")
        self._register(names[0], "PendingManualApproval")
        self._deploy(names[1])
        self._pipeline()

    def _upload(self) -> None:
        existing = [one["Name"] for one in self._s3.list_buckets()["Buckets"]]
        if self._bucket not in existing:
            self._s3.create_bucket(Bucket=self._bucket)
        rows = churn_rows()
        parts = {"train": rows[: ROWS * 3 // 4], "validation": rows[ROWS * 3 // 4 :]}
        for channel, part in parts.items():
            body = "\n".join(",".join(f"{value:g}" for value in row) for row in part)
            self._s3.put_object(Bucket=self._bucket, Key=f"demo/{channel}/churn.csv", Body=body.encode())

    def _definition(self, depth: Any) -> dict[str, Any]:
        channels = [
            {
                "ChannelName": name,
                "ContentType": "text/csv",
                "DataSource": {
                    "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{self._bucket}/demo/{name}/"}
                },
            }
            for name in ("train", "validation")
        ]
        return {
            "AlgorithmSpecification": {"TrainingImage": self._image, "TrainingInputMode": "File"},
            "RoleArn": self._role,
            "HyperParameters": {
                "objective": "binary:logistic",
                "eval_metric": "auc",
                "num_round": "40",
                "max_depth": depth,
            },
            "InputDataConfig": channels,
            "OutputDataConfig": {"S3OutputPath": f"s3://{self._bucket}/demo/output/"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
            "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        }

    def _train(self, depth: int) -> str:
        name = f"demo-churn-depth-{depth}-{self._stamp}"
        self._sagemaker.create_training_job(TrainingJobName=name, **self._definition(str(depth)))
        return name

    def _tune(self) -> None:
        definition = self._definition("4")
        fixed = {key: value for key, value in definition.pop("HyperParameters").items() if key != "max_depth"}
        ranges = {
            "IntegerParameterRanges": [{"Name": "max_depth", "MinValue": "2", "MaxValue": "9"}],
            "ContinuousParameterRanges": [
                {"Name": "eta", "MinValue": "0.02", "MaxValue": "0.5", "ScalingType": "Logarithmic"}
            ],
        }
        self._sagemaker.create_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=f"demo-churn-{self._stamp}",
            HyperParameterTuningJobConfig={
                "Strategy": "Bayesian",
                "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "validation:auc"},
                "ResourceLimits": {"MaxNumberOfTrainingJobs": TRIALS, "MaxParallelTrainingJobs": 2},
                "ParameterRanges": ranges,
            },
            TrainingJobDefinition={**definition, "StaticHyperParameters": fixed},
        )

    def _wait(self, name: str) -> None:
        until = time.monotonic() + WAIT_S
        while self._sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"] == "InProgress":
            if time.monotonic() > until:
                raise TimeoutError(name)
            time.sleep(0.5)

    def _artefact(self, job: str) -> str:
        return str(self._sagemaker.describe_training_job(TrainingJobName=job)["ModelArtifacts"]["S3ModelArtifacts"])

    def _register(self, job: str, status: str) -> None:
        groups = self._sagemaker.list_model_package_groups(NameContains=GROUP)["ModelPackageGroupSummaryList"]
        if not any(one["ModelPackageGroupName"] == GROUP for one in groups):
            self._sagemaker.create_model_package_group(
                ModelPackageGroupName=GROUP, ModelPackageGroupDescription="Who leaves: the demo's trees"
            )
        self._sagemaker.create_model_package(
            ModelPackageGroupName=GROUP,
            ModelApprovalStatus=status,
            ModelPackageDescription=f"from {job}",
            InferenceSpecification={
                "Containers": [{"Image": self._image, "ModelDataUrl": self._artefact(job)}],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
        )

    def _deploy(self, job: str) -> None:
        found = self._sagemaker.list_endpoints(NameContains=ENDPOINT)["Endpoints"]
        if any(one["EndpointName"] == ENDPOINT for one in found):
            return
        name = f"{ENDPOINT}-{self._stamp}"
        container = {"Image": self._image, "ModelDataUrl": self._artefact(job)}
        self._sagemaker.create_model(ModelName=name, ExecutionRoleArn=self._role, PrimaryContainer=container)
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": name,
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
        }
        self._sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        self._sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=name)

    def _pipeline(self) -> None:
        steps = [
            {"Name": "Shallow", "Type": "Training", "Arguments": self._definition("2")},
            {"Name": "Deep", "Type": "Training", "Arguments": self._definition({"Get": "Parameters.Depth"})},
            {
                "Name": "Model",
                "Type": "Model",
                "DependsOn": ["Deep"],
                "Arguments": {
                    "ExecutionRoleArn": self._role,
                    "PrimaryContainer": {
                        "Image": self._image,
                        "ModelDataUrl": {"Get": "Steps.Shallow.ModelArtifacts.S3ModelArtifacts"},
                    },
                },
            },
        ]
        parameters = [{"Name": "Depth", "Type": "String", "DefaultValue": "6"}]
        definition = {"Version": "2020-12-01", "Metadata": {}, "Parameters": parameters, "Steps": steps}
        found = self._sagemaker.list_pipelines(PipelineNamePrefix=PIPELINE)["PipelineSummaries"]
        if not found:
            self._sagemaker.create_pipeline(
                PipelineName=PIPELINE,
                PipelineDefinition=json.dumps(definition),
                ClientRequestToken=f"demo-{self._stamp}".ljust(32, "0"),
                RoleArn=self._role,
            )
        self._sagemaker.start_pipeline_execution(PipelineName=PIPELINE)


def churn_rows() -> list[list[float]]:
    """Draws customers, the label first: who leaves depends on tenure, price and calls to support, and on two of them together."""
    drawn = random.Random(7)  # noqa: S311  # data, not a secret
    rows = []
    for _ in range(ROWS):
        tenure, monthly, calls = drawn.expovariate(1 / 24), drawn.gauss(65, 20), drawn.randint(0, 9)
        support, international, discount = drawn.randint(0, 6), float(drawn.random() < 0.2), float(drawn.random() < 0.3)
        score = (
            -1.2
            - tenure / 18
            + monthly / 60
            + 0.5 * max(support - 3, 0) * (1 + international)
            - 0.8 * discount
            + 0.02 * calls
        )
        label = float(drawn.random() < 1 / (1 + math.exp(-score)))
        rows.append([label, round(tenure, 1), round(monthly, 2), float(calls), float(support), international, discount])
    return rows
