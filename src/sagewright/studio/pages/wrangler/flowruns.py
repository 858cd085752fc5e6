"""Running a flow on all rows: the form of its processing job, and the flow as code."""

from __future__ import annotations

import pprint
import shlex
from dataclasses import dataclass, replace

from sagewright.model.errors import AwsError, ValidationException
from sagewright.studio.pages.wrangler.flowpage import PATH
from sagewright.studio.visit import Done, Visit, form, page
from sagewright.studio.wrangling import saved, stepnames
from sagewright.studio.wrangling.lastruns import job_prefix
from sagewright.studio.wrangling.saved import SavedFlow
from sagewright.wrangler.errors import FlowError
from sagewright.wrangler.flows import Flow, NodeType
from sagewright.wrangler.requests import FlowJob, FlowOutput, outputs_of, processing_request
from sagewright.wrangler.schema import catalogue

INSTANCES = ("ml.m5.large", "ml.m5.xlarge", "ml.m5.4xlarge", "ml.m5.12xlarge")
FLOW_TAG = "sagewright:flow"
"""Tag of a flow's jobs, by which its page finds them."""


@dataclass(frozen=True)
class FlowRunView:
    """`outputs`: name and folder of the flow's own outputs; `ends`: steps whose result can be written, if it has none."""

    name: str
    job: str
    outputs: tuple[tuple[str, str], ...]
    ends: tuple[tuple[str, str], ...]
    end: str
    uri: str
    format: str
    instances: tuple[str, ...]
    instance: str
    refit: bool
    base: str
    fault: str = ""


@page("/wrangler/{name}/run", "flowrun.html", "wrangler")
def run_form(visit: Visit) -> FlowRunView:
    """The job that runs the flow on all rows."""
    return _form(visit, saved.load(visit, visit.path["name"]))


@form("/wrangler/{name}/run", "flowrun.html", "wrangler")
def run_flow(visit: Visit, fields: dict[str, str]) -> Done | FlowRunView:
    """Creates the processing job."""
    found = saved.load(visit, visit.path["name"])
    given = replace(
        _form(visit, found),
        job=fields.get("job", "").strip(),
        end=fields.get("end", ""),
        uri=fields.get("uri", "").strip(),
        format=fields.get("format", "CSV"),
        instance=fields.get("instance", INSTANCES[1]),
        refit="refit" in fields,
    )
    try:
        run = FlowJob(
            given.job,
            f"arn:aws:iam::{visit.place.account}:role/SageMakerExecutionRole",
            found.uri,
            outputs_of(found.flow) or (_chosen_output(given),),
            given.instance,
            f"{found.name}.flow" if given.refit else "",
        )
        request = processing_request(found.flow, run)
        tags = [{"Key": FLOW_TAG, "Value": found.name}]
        visit.client.sagemaker("CreateProcessingJob", **request, Tags=tags)
    except (FlowError, AwsError) as error:
        return replace(given, fault=str(error) if isinstance(error, FlowError) else error.message)
    return Done(f"Created {given.job}", f"/studio/processing/{given.job}")


def _chosen_output(given: FlowRunView) -> FlowOutput:
    node_id, _, port = given.end.partition(":")
    if not given.uri.startswith("s3://") or not node_id:
        raise ValidationException("The flow has no output of its own: choose a step, and a folder in S3.")
    return FlowOutput(node_id, given.uri, port or "default", given.format)


def _form(visit: Visit, found: SavedFlow) -> FlowRunView:
    catalogue.load()
    nodes = {one.node_id: one for one in found.flow.nodes}
    ends = _ends(found.flow)
    bucket = saved.bucket_of(visit)
    return FlowRunView(
        found.name,
        f"{job_prefix(found.name)}{visit.now:%Y-%m-%d-%H-%M-%S}",
        tuple((stepnames.step_name(nodes[one.node_id]), one.uri) for one in outputs_of(found.flow)),
        ends,
        ends[-1][0] if ends else "",
        f"s3://{bucket}/{found.name}/",
        "CSV",
        INSTANCES,
        INSTANCES[1],
        True,
        f"{PATH}/{found.name}",
    )


def _ends(flow: Flow) -> tuple[tuple[str, str], ...]:
    """Returns the results on which no other step builds, or all if there are none."""
    steps = [one for one in flow.ordered() if one.type in (NodeType.SOURCE, NodeType.TRANSFORM)]
    used = {(edge.node_id, edge.output_name) for one in steps for edge in one.inputs}
    return tuple(
        (f"{one.node_id}:{port}", stepnames.step_name(one) + (f", {port}" if len(one.output_names) > 1 else ""))
        for one in steps
        for port in one.output_names
        if (one.node_id, port) not in used
    )


@dataclass(frozen=True)
class FlowCodeView:
    name: str
    base: str
    parts: tuple[tuple[str, str, str], ...]
    """Label, sentence, text."""
    starting: str


@page("/wrangler/{name}/code", "flowcode.html", "wrangler", ("app",))
def flow_code(visit: Visit) -> FlowCodeView:
    """The flow as a program, a job, a step of a pipeline, and the file itself."""
    found = saved.load(visit, visit.path["name"])
    answer = visit.client.wrangle("code", {"flow": found.flow.written()})
    parts = []
    if answer.get("program"):
        parts.append(("Python", "The whole flow with polars; it runs by itself.", str(answer["program"])))
    parts += _programs(visit, found)
    return FlowCodeView(found.name, f"{PATH}/{found.name}", tuple(parts), str(answer.get("starting") or ""))


def _programs(visit: Visit, found: SavedFlow) -> list[tuple[str, str, str]]:
    folder = f"s3://{saved.bucket_of(visit)}/{found.name}/"
    ends = [FlowOutput(end.partition(":")[0], folder, end.partition(":")[2]) for end, _ in _ends(found.flow)[-1:]]
    outputs = outputs_of(found.flow) or tuple(ends)
    if not outputs:
        return []
    role = f"arn:aws:iam::{visit.place.account}:role/SageMakerExecutionRole"
    try:
        request = processing_request(found.flow, FlowJob("JOB-NAME", role, found.uri, outputs))
    except FlowError:
        return []
    arguments = request["AppSpecification"]["ContainerArguments"]
    inputs = [
        (one["InputName"], one["S3Input"]["S3Uri"], one["S3Input"]["LocalPath"]) for one in request["ProcessingInputs"]
    ]
    sources = ",\n".join(
        f"        ProcessingInput(source={uri!r}, destination={path!r}, input_name={name!r})"
        for name, uri, path in inputs
        if name != "flow"
    )
    targets = ",\n".join(
        f"        ProcessingOutput(output_name={one['OutputName']!r}, source={one['S3Output']['LocalPath']!r},"
        f" destination={one['S3Output']['S3Uri']!r})"
        for one in request["ProcessingOutputConfig"]["Outputs"]
    )
    processor = (
        "from sagemaker.processing import ProcessingInput, ProcessingOutput\n"
        "from sagemaker.wrangler.processing import DataWranglerProcessor\n\n"
        f"processor = DataWranglerProcessor(\n    role={role!r},\n    data_wrangler_flow_source={found.uri!r},\n"
        '    instance_count=1,\n    instance_type="ml.m5.xlarge",\n)\n'
    )
    places = f"    inputs=[\n{sources},\n    ],\n    outputs=[\n{targets},\n    ],\n"
    step = (
        "from sagemaker.workflow.pipeline import Pipeline\nfrom sagemaker.workflow.steps import ProcessingStep\n\n"
        f'{processor}step = ProcessingStep(\n    name="Prepare",\n    processor=processor,\n'
        + f"{places}    job_arguments={arguments!r},\n)\n"
        + f"Pipeline(name={found.name!r}, steps=[step]).upsert(role_arn={role!r})"
    )
    file = shlex.quote(f"{found.name}.flow")
    command = (
        f"sagewright exec -- aws s3 cp {shlex.quote(found.uri)} {file}\n"
        f"sagewright wrangle {file} --node {shlex.quote(outputs[0].name)} --output {shlex.quote(outputs[0].uri)}"
    )
    return [
        (
            "SDK v2",
            "A processing job on all rows.",
            f"{processor}processor.run(\n{places}    arguments={arguments!r},\n)",
        ),
        ("Pipeline", "The same as a step of a pipeline, by SDK v2.", step),
        ("CLI", "The same from a terminal.", command),
        (
            "boto3",
            "The request.",
            'import boto3\n\nboto3.client("sagemaker").create_processing_job(\n'
            f"    **{pprint.pformat(request, sort_dicts=False)}\n)",
        ),
        ("Flow file", f"{found.uri}", found.flow.text()),
    ]
