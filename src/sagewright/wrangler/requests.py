"""The processing job that runs a flow on all rows, as a request of CreateProcessingJob. Needs only the standard library.

Source: the notebooks that Data Wrangler exports, and `sagemaker.wrangler.processing` of the SageMaker Python SDK.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sagewright.wrangler.errors import FlowError
from sagewright.wrangler.flows import Flow, Node, NodeType

IMAGE = "663277389841.dkr.ecr.us-east-1.amazonaws.com/sagemaker-data-wrangler-container:5.0.1"
SPARK = "SAGEWRIGHT_WRANGLER_PYSPARK"
"""Variable of a job whose flow has steps of PySpark."""
ROOT = "/opt/ml/processing"
_RESERVED = re.compile(r"flow|output(-\d+)?")
"""Names of the flow's input, and of the outputs' folders next to the inputs."""
_MOST_NAME = 200


@dataclass(frozen=True)
class FlowOutput:
    """The output `port` of the node `node_id`, written below `uri`. A destination defines the format itself; then
    `content_type` is ""."""

    node_id: str
    uri: str
    port: str = "default"
    content_type: str = "CSV"

    @property
    def name(self) -> str:
        return f"{self.node_id}.{self.port}"


@dataclass(frozen=True)
class FlowJob:
    """`flow_uri`: where the flow is in S3; `fitted`: name of the file with newly fitted state, "" to use that of the flow.
    `inputs`: S3 URIs of sources, by their names, instead of the flow's own."""

    name: str
    role: str
    flow_uri: str
    outputs: tuple[FlowOutput, ...]
    instance_type: str = "ml.m5.xlarge"
    fitted: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    volume_gb: int = 30


def outputs_of(flow: Flow) -> tuple[FlowOutput, ...]:
    """Returns the outputs that a flow's own destinations name."""
    found = []
    for one in flow.nodes:
        config = one.parameters.get("output_config")
        if one.type is NodeType.DESTINATION and isinstance(config, Mapping) and config.get("output_path"):
            found.append(FlowOutput(one.node_id, str(config["output_path"]), content_type=""))
    return tuple(found)


def processing_request(flow: Flow, run: FlowJob) -> dict[str, Any]:
    """Raises FlowError for a flow without outputs, or a source that isn't in S3."""
    if not run.outputs:
        raise FlowError("The flow has no output: name a step and a folder in S3.")
    arguments = [
        "--output-config",
        json.dumps({one.name: {"content_type": one.content_type} for one in run.outputs if one.content_type}),
    ]
    if run.fitted:
        arguments += ["--refit-trained-params", json.dumps({"refit": True, "output_flow": run.fitted})]
    inputs = [_input("flow", run.flow_uri, f"{ROOT}/flow")]
    names = source_names(flow)
    inputs += [_source(one, names[one.node_id], run.inputs) for one in flow.nodes if one.type is NodeType.SOURCE]
    spark: dict[str, Any] = {"Environment": {SPARK: "1"}} if needs_spark(flow) else {}
    return spark | {
        "ProcessingJobName": run.name,
        "RoleArn": run.role,
        "AppSpecification": {"ImageUri": IMAGE, "ContainerArguments": arguments},
        "ProcessingInputs": inputs,
        "ProcessingOutputConfig": {"Outputs": [_output(number, one) for number, one in enumerate(run.outputs)]},
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": 1,
                "InstanceType": run.instance_type,
                "VolumeSizeInGB": run.volume_gb,
            }
        },
    }


def source_names(flow: Flow) -> dict[str, str]:
    """Returns the name of each source's input by the source's id: that of its data set, with a number where another input or a
    folder of an output has that name. Raises FlowError."""
    found: dict[str, str] = {}
    for node in flow.nodes:
        if node.type is NodeType.SOURCE:
            base = source_name(node)
            base = f"{base}-data" if _RESERVED.fullmatch(base) else base
            name, number = base, 2
            while name in found.values():
                name, number = f"{base}-{number}", number + 1
            found[node.node_id] = name
    return found


def source_name(node: Node) -> str:
    """Returns the name of a source's data set as that of an input. Raises FlowError."""
    definition = node.parameters.get("dataset_definition")
    name = definition.get("name") if isinstance(definition, Mapping) else None
    if not isinstance(name, str) or not name:
        raise FlowError(f"The source {node.node_id} has no name in dataset_definition.")
    return re.sub(r"[^A-Za-z0-9._-]", "-", name)[:_MOST_NAME].lstrip(".") or "data"


def needs_spark(flow: Flow) -> bool:
    return any("custom_pyspark_0" in one.operator or one.title == "Python (PySpark)" for one in flow.nodes)


def _source(node: Node, name: str, given: Mapping[str, str]) -> dict[str, Any]:
    definition = node.parameters.get("dataset_definition")
    place = definition.get("s3ExecutionContext") if isinstance(definition, Mapping) else None
    uri = given.get(name) or (place.get("s3Uri") if isinstance(place, Mapping) else None)
    if not isinstance(uri, str):
        raise FlowError(
            f"The source {node.node_id} ({node.operator}) is not in S3: make its job by the SDK's DatasetDefinition."
        )
    return _input(name, uri, f"{ROOT}/{name}")


def _input(name: str, uri: str, path: str) -> dict[str, Any]:
    source = {
        "S3Uri": uri,
        "LocalPath": path,
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
        "S3DataDistributionType": "FullyReplicated",
    }
    return {"InputName": name, "S3Input": source}


def _output(number: int, one: FlowOutput) -> dict[str, Any]:
    path = f"{ROOT}/output" if not number else f"{ROOT}/output-{number}"
    return {
        "OutputName": one.name,
        "S3Output": {"S3Uri": one.uri, "LocalPath": path, "S3UploadMode": "EndOfJob"},
    }
