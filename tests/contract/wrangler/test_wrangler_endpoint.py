"""An inference pipeline: a fitted flow before a model."""

from __future__ import annotations

import io
import json
import tarfile
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conftest import RunningServer

ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
IMAGE = "663277389841.dkr.ecr.us-east-1.amazonaws.com/sagemaker-data-wrangler-container:5.0.1"
BUCKET = "wrangler-endpoint"


def flow(column: str, before: float, divisor: float) -> bytes:
    """A fitted flow that shifts and scales a column of two."""
    scaled = [{"input_column": column, "center": before, "scale": 1 / divisor, "shift": 0.0}]
    definition = {"datasetSourceType": "S3", "name": "rows", "s3ExecutionContext": {"s3ContentType": "csv"}}
    scaler = {"scaler": "Standard scaler", "standard_scaler_parameters": {"input_column": [column]}}
    edges = [
        [],
        [{"name": "default", "node_id": "s", "output_name": "default"}],
        [{"name": "df", "node_id": "t", "output_name": "default"}],
    ]
    nodes: list[dict[str, Any]] = [
        {"node_id": "s", "type": "SOURCE", "operator": "sagemaker.s3_source_0.1", "parameters": {"dataset_definition": definition}},
        {"node_id": "t", "type": "TRANSFORM", "operator": "sagemaker.spark.infer_and_cast_type_0.1", "trained_parameters": {"schema": {"a": "float", "b": "float"}}},
        {"node_id": "p", "type": "TRANSFORM", "operator": "sagemaker.spark.process_numeric_0.1", "parameters": {"operator": "Scale values", "scale_values_parameters": scaler}, "trained_parameters": {"scale_values_parameters": scaled}},
    ]  # fmt: skip
    nodes = [
        {"parameters": {}, **one, "inputs": edge, "outputs": [{"name": "default"}]}
        for one, edge in zip(nodes, edges, strict=True)
    ]
    return json.dumps({"metadata": {"version": 1}, "nodes": nodes}).encode()


def packed(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        member = tarfile.TarInfo("steps.flow")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def test_an_endpoint_applies_flows_in_turn(server: RunningServer, job_name: str) -> None:
    s3, client = server.boto("s3"), server.boto("sagemaker")
    s3.create_bucket(Bucket=BUCKET)
    containers = []
    for number, content in enumerate((flow("a", 10, 2), flow("b", 0, 10))):
        s3.put_object(Bucket=BUCKET, Key=f"{number}.tar.gz", Body=packed(content))
        containers.append({"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/{number}.tar.gz"})
    name = job_name[:60]
    client.create_model(ModelName=name, ExecutionRoleArn=ROLE, Containers=containers)
    variant = {"VariantName": "all", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    client.create_endpoint(EndpointName=name, EndpointConfigName=name)
    try:
        for _ in range(900):
            found = client.describe_endpoint(EndpointName=name)
            if found["EndpointStatus"] != "Creating":
                break
            time.sleep(0.1)
        assert found["EndpointStatus"] == "InService", found
        runtime = server.boto("sagemaker-runtime")
        answer = runtime.invoke_endpoint(EndpointName=name, ContentType="text/csv", Body=b"14,5\n10,\n")
        assert answer["Body"].read() == b"2.0,0.5\n0.0,\n"
    finally:
        client.delete_endpoint(EndpointName=name)
