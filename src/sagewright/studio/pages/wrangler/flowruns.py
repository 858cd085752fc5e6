"""Running a flow on all rows: the form of its processing job, and the flow as code."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sagewright.model.errors import AwsError, ValidationException
from sagewright.studio.pages.wrangler.flowaddress import PATH
from sagewright.studio.visit import Done, Visit, form, page
from sagewright.studio.wrangling import programs, saved, stepnames
from sagewright.studio.wrangling.lastruns import LastRun, StepRun, job_prefix, last_run, step_runs
from sagewright.studio.wrangling.programs import ExportPlace
from sagewright.studio.wrangling.saved import SavedFlow
from sagewright.wrangler.errors import FlowError
from sagewright.wrangler.flows import Flow
from sagewright.wrangler.requests import FlowJob, FlowOutput, outputs_of, processing_request
from sagewright.wrangler.schema import catalogue

INSTANCES = ("ml.m5.large", "ml.m5.xlarge", "ml.m5.4xlarge", "ml.m5.12xlarge")
FLOW_TAG = "sagewright:flow"
"""Tag of a flow's jobs, by which its page finds them."""


@dataclass(frozen=True)
class FlowRunView:
    """`outputs`: name and folder of the flow's own outputs; `ends`: steps whose result can be written, if it has none;
    `steps`: name of each step of the last run, with its duration."""

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
    last: LastRun | None = None
    steps: tuple[tuple[str, StepRun], ...] = ()
    fault: str = ""


@page("/wrangler/{name}/run", "flowrun.html", "wrangler")
def run_form(visit: Visit) -> FlowRunView:
    """The job that runs the flow on all rows, and the result of the last one."""
    found = saved.load(visit, visit.path["name"])
    last = last_run(visit, found.name)
    nodes = {one.node_id: one for one in found.flow.nodes}
    ran = step_runs(visit, last.job) if last else ()
    named = tuple(
        (stepnames.step_name(nodes[one.node_id]) if one.node_id in nodes else one.node_id, one) for one in ran
    )
    return replace(_form(visit, found), last=last, steps=named)


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
            _role(visit),
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


def _role(visit: Visit) -> str:
    return f"arn:aws:iam::{visit.place.account}:role/SageMakerExecutionRole"


def _chosen_output(given: FlowRunView) -> FlowOutput:
    node_id, _, port = given.end.partition(":")
    if not given.uri.startswith("s3://") or not node_id:
        raise ValidationException("The flow defines no output: choose a step, and a folder in S3.")
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
    """Returns key and name of the results on which no other step builds."""
    nodes = {one.node_id: one for one in flow.nodes}
    return tuple(
        (
            f"{node_id}:{port}",
            stepnames.step_name(nodes[node_id]) + (f", {port}" if len(nodes[node_id].output_names) > 1 else ""),
        )
        for node_id, port in programs.unused_outputs(flow)
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
    place = ExportPlace(found.name, found.uri, f"s3://{saved.bucket_of(visit)}/{found.name}/", _role(visit))
    parts += programs.programs(found.flow, place)
    return FlowCodeView(found.name, f"{PATH}/{found.name}", tuple(parts), str(answer.get("starting") or ""))
