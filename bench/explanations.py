"""Explanations of single records by an endpoint of a tree model, through boto3: what they take over the prediction alone.

Two endpoints of the built-in XGBoost, 100 trees of depth 6 over 30 features, with one baseline row: margins, which are explained
exactly, and probabilities, which need 2,108 coalitions. A request with an explanation alternates with the same one without.
"""

from __future__ import annotations

import csv
import io
import random
import time
from dataclasses import dataclass
from typing import Any

import boto3
from rows import Row, median, number, percentile
from server import REGION, ROLE, Sagewright, client, running, scratch

SECTION = "k"
FEATURES, TRAINED, REQUESTS = 30, 4000, 400
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
BUCKET = "bench-explanations"
GOAL_MS = 3
OBJECTIVES = {
    "reg:squarederror": ("margins, exact", "two hops more, JSON, and look-ups in tables of leaves"),
    "binary:logistic": ("a probability, 2,108 coalitions", "half of it is XGBoost, which scores the coalitions"),
}


def measure() -> list[Row]:
    with scratch() as directory:
        ours = Sagewright(directory / "data")
        with running(ours):
            bench = _Explained(ours)
            return [bench.row(objective) for objective in OBJECTIVES]


def _table(objective: str) -> str:
    """A label, and features of which some interact."""
    draw, text = random.Random(0), io.StringIO()
    for _ in range(TRAINED):
        cells = [draw.gauss(0, 1) for _ in range(FEATURES)]
        value = cells[0] * cells[1] + sum(cells[2:9]) + cells[9] * cells[10] * cells[11] + draw.gauss(0, 0.1)
        label = value if objective.startswith("reg") else int(value > 0)
        csv.writer(text).writerow([label, *(f"{cell:.5f}" for cell in cells)])
    return text.getvalue()


@dataclass(frozen=True)
class _Explained:
    server: Sagewright

    def row(self, objective: str) -> Row:
        name = objective.replace(":", "-")
        self._deploy(name, self._trained(name, objective))
        url = (self.server.data / "runtime-endpoint").read_text().strip()
        access, secret = self.server.key()
        runtime = boto3.client(
            "sagemaker-runtime",
            region_name=REGION,
            endpoint_url=url,
            aws_access_key_id=access,
            aws_secret_access_key=secret,
        )
        draw = random.Random(1)
        plain, explained = [], []
        for _ in range(REQUESTS):
            body = ",".join(f"{draw.gauss(0, 1):.5f}" for _ in range(FEATURES))
            plain.append(_asked(runtime, name, body, "`false`"))
            explained.append(_asked(runtime, name, body, "`true`"))
        over = median(explained) - median(plain)
        fast = percentile(explained, 10) - percentile(plain, 10)
        what, limits = OBJECTIVES[objective]
        detail = f"{number(median(explained))} less {number(median(plain))} ms; fastest tenth {number(fast)} ms"
        return Row(SECTION, f"an explanation of one row over its prediction: {what}", over, "ms",
                   f"none; at most {GOAL_MS} ms are wanted", None, limits, detail)  # fmt: skip

    def _trained(self, name: str, objective: str) -> str:
        sagemaker, s3 = self._client(), self._client("s3")
        if BUCKET not in {each["Name"] for each in s3.list_buckets()["Buckets"]}:
            s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key=f"{name}/train/rows.csv", Body=_table(objective).encode())
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{name}/train/"}
        sagemaker.create_training_job(
            TrainingJobName=name,
            RoleArn=ROLE,
            AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            HyperParameters={"objective": objective, "num_round": "100", "max_depth": "6"},
            InputDataConfig=[
                {"ChannelName": "train", "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}
            ],
            OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/{name}/out"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            StoppingCondition={"MaxRuntimeInSeconds": 600},
        )
        while (told := sagemaker.describe_training_job(TrainingJobName=name))["TrainingJobStatus"] == "InProgress":
            time.sleep(0.1)
        assert told["TrainingJobStatus"] == "Completed", told
        return str(told["ModelArtifacts"]["S3ModelArtifacts"])

    def _deploy(self, name: str, artefact: str) -> None:
        sagemaker = self._client()
        container = {"Image": IMAGE, "ModelDataUrl": artefact}
        sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
        baseline = {"MimeType": "text/csv", "ShapBaseline": ",".join(["0.1"] * FEATURES)}
        explainer = {"ShapConfig": {"ShapBaselineConfig": baseline}, "EnableExplanations": "`true`"}
        variant = {"VariantName": "v", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[variant],
            ExplainerConfig={"ClarifyExplainerConfig": explainer},
        )
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        while (told := sagemaker.describe_endpoint(EndpointName=name))["EndpointStatus"] == "Creating":
            time.sleep(0.1)
        assert told["EndpointStatus"] == "InService", told

    def _client(self, service: str = "sagemaker") -> Any:
        return client(self.server.endpoint, self.server.key(), service)


def _asked(runtime: Any, name: str, body: str, enable: str) -> float:
    """Returns milliseconds from the call to the whole answer."""
    begin = time.perf_counter()
    answer = runtime.invoke_endpoint(
        EndpointName=name, ContentType="text/csv", Accept="text/csv", Body=body, EnableExplanations=enable
    )
    read = answer["Body"].read()
    taken = (time.perf_counter() - begin) * 1000
    assert (b"kernel_shap" in read) == (enable == "`true`"), read[:200]
    return taken
