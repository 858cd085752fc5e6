"""A flow as programs that a user runs elsewhere: a job by SDK v2, a step of a pipeline, a command, a request, the file."""

from __future__ import annotations

import pprint
import shlex
from dataclasses import dataclass
from typing import Any

from sagewright.wrangler.errors import FlowError
from sagewright.wrangler.flows import TABLES, Flow
from sagewright.wrangler.requests import FlowJob, FlowOutput, outputs_of, processing_request


@dataclass(frozen=True)
class ExportPlace:
    """`uri`: the flow in S3; `folder`: S3 URI for the result of a flow that defines no outputs; `role`: of jobs."""

    name: str
    uri: str
    folder: str
    role: str


def unused_outputs(flow: Flow) -> tuple[tuple[str, str], ...]:
    """Returns node id and port of the results on which no other step builds."""
    steps = [one for one in flow.ordered() if one.type in TABLES]
    used = {(edge.node_id, edge.output_name) for one in steps for edge in one.inputs}
    return tuple((one.node_id, port) for one in steps for port in one.output_names if (one.node_id, port) not in used)


def programs(flow: Flow, place: ExportPlace) -> tuple[tuple[str, str, str], ...]:
    """Returns label, sentence and text of each program; none for a flow that can't be a job."""
    last = [FlowOutput(node_id, place.folder, port) for node_id, port in unused_outputs(flow)[-1:]]
    outputs = outputs_of(flow) or tuple(last)
    if not outputs:
        return ()
    try:
        request = processing_request(flow, FlowJob("JOB-NAME", place.role, place.uri, outputs))
    except FlowError:
        return ()
    processor, places = _processor(place), _places(request)
    arguments = request["AppSpecification"]["ContainerArguments"]
    return (
        (
            "SDK v2",
            "A processing job on all rows.",
            f"{processor}processor.run(\n{places}    arguments={arguments!r},\n)",
        ),
        (
            "Pipeline",
            "The same as a pipeline step, with SDK v2.",
            "from sagemaker.workflow.pipeline import Pipeline\nfrom sagemaker.workflow.steps import ProcessingStep\n\n"
            f'{processor}step = ProcessingStep(\n    name="Prepare",\n    processor=processor,\n'
            f"{places}    job_arguments={arguments!r},\n)\n"
            f"pipeline = Pipeline(name={place.name!r}, steps=[step])\npipeline.upsert(role_arn={place.role!r})",
        ),
        ("CLI", "The same on the command line.", _command(place, outputs[0])),
        (
            "boto3",
            "The request.",
            'import boto3\n\nboto3.client("sagemaker").create_processing_job(\n'
            f"    **{pprint.pformat(request, sort_dicts=False)}\n)",
        ),
        ("Flow file", place.uri, flow.text()),
    )


def _processor(place: ExportPlace) -> str:
    return (
        "from sagemaker.processing import ProcessingInput, ProcessingOutput\n"
        "from sagemaker.wrangler.processing import DataWranglerProcessor\n\n"
        f"processor = DataWranglerProcessor(\n    role={place.role!r},\n    data_wrangler_flow_source={place.uri!r},\n"
        '    instance_count=1,\n    instance_type="ml.m5.xlarge",\n)\n'
    )


def _places(request: dict[str, Any]) -> str:
    """Returns the arguments `inputs` and `outputs`; the processor adds the flow's own input."""
    sources = ",\n".join(
        f"        ProcessingInput(source={one['S3Input']['S3Uri']!r}, destination={one['S3Input']['LocalPath']!r},"
        f" input_name={one['InputName']!r})"
        for one in request["ProcessingInputs"]
        if one["InputName"] != "flow"
    )
    targets = ",\n".join(
        f"        ProcessingOutput(output_name={one['OutputName']!r}, source={one['S3Output']['LocalPath']!r},"
        f" destination={one['S3Output']['S3Uri']!r})"
        for one in request["ProcessingOutputConfig"]["Outputs"]
    )
    return f"    inputs=[\n{sources},\n    ],\n    outputs=[\n{targets},\n    ],\n"


def _command(place: ExportPlace, output: FlowOutput) -> str:
    file = shlex.quote(f"{place.name}.flow")
    return (
        f"sagewright exec -- aws s3 cp {shlex.quote(place.uri)} {file}\n"
        f"sagewright wrangle {file} --node {shlex.quote(output.name)} --output {shlex.quote(output.uri)}"
    )
