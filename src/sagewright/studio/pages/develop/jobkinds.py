"""Processing and transform jobs: their lists, and a job's page, which is that of a training job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sagewright.studio import jobview, tables, wording
from sagewright.studio.buttons import Button
from sagewright.studio.jobview import Artefact, Fact, JobPhase, JobView
from sagewright.studio.operations import OperationCall
from sagewright.studio.tables import EmptyState, Listing, ListSource, Row, TableColumn
from sagewright.studio.visit import Visit, page
from sagewright.studio.wrangling.saved import flow_name

STATUSES = ("InProgress", "Completed", "Failed", "Stopping", "Stopped")
ORDERS = {"name": "Name", "status": "Status", "started": "CreationTime"}


@dataclass(frozen=True)
class JobPageKind:
    """A kind of job other than training. `prefix`: of the members of its operations; `parts`: its inputs, outputs and
    parameters."""

    prefix: str
    noun: str
    path: str
    nav: str
    kind: str
    group: str
    start: EmptyState
    parts: Callable[[dict[str, Any]], tuple[tuple[Artefact, ...], tuple[tuple[str, str], ...]]]
    resources: Callable[[dict[str, Any]], dict[str, Any]]


def _processing(found: dict[str, Any]) -> tuple[tuple[Artefact, ...], tuple[tuple[str, str], ...]]:
    inputs = [
        Artefact(one["InputName"], (one.get("S3Input") or {}).get("S3Uri", ""), "input")
        for one in found.get("ProcessingInputs", [])
    ]
    outputs = [
        Artefact(one["OutputName"], (one.get("S3Output") or {}).get("S3Uri", ""), "output")
        for one in found.get("ProcessingOutputConfig", {}).get("Outputs", [])
    ]
    application = found["AppSpecification"]
    words = [*application.get("ContainerEntrypoint", []), *application.get("ContainerArguments", [])]
    return (*inputs, *outputs), (("Image", application["ImageUri"]), ("Command", " ".join(words) or "the image's own"))


def _transform(found: dict[str, Any]) -> tuple[tuple[Artefact, ...], tuple[tuple[str, str], ...]]:
    data = found["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
    out = found["TransformOutput"]
    artefacts = (
        Artefact("input", data, found["TransformInput"].get("SplitType", "None")),
        Artefact("output", out["S3OutputPath"], out.get("AssembleWith", "None")),
    )
    pairs = (
        ("Model", found["ModelName"]),
        ("Strategy", found.get("BatchStrategy", "MultiRecord")),
        ("Max payload", f"{found.get('MaxPayloadInMB', 6)} MB"),
        ("Content type", found["TransformInput"].get("ContentType", "")),
    )
    return artefacts, pairs


PROCESSING = JobPageKind(
    "ProcessingJob",
    "Processing job",
    "/studio/processing",
    "processing",
    "processing",
    "/aws/sagemaker/ProcessingJobs",
    EmptyState(
        "No processing job yet",
        "from sagemaker.sklearn.processing import SKLearnProcessor\n\n"
        'SKLearnProcessor("1.2-1", role="SageMakerExecutionRole", instance_type="ml.m5.large",\n'
        '                 instance_count=1).run(code="preprocess.py")',
    ),
    _processing,
    lambda found: found["ProcessingResources"]["ClusterConfig"],
)
TRANSFORM = JobPageKind(
    "TransformJob",
    "Transform job",
    "/studio/transform",
    "transform",
    "transform",
    "/aws/sagemaker/TransformJobs",
    EmptyState(
        "No transform job yet",
        'transformer = estimator.transformer(instance_count=1, instance_type="ml.m5.large")\n'
        'transformer.transform("s3://BUCKET/data/", content_type="text/csv", split_type="Line")',
    ),
    _transform,
    lambda found: found["TransformResources"],
)


def listing(visit: Visit, kind: JobPageKind) -> Listing:
    source = ListSource(f"List{kind.prefix}s", f"{kind.prefix}Summaries", ORDERS, "-started", statuses=STATUSES)
    read = tables.read(visit, source)
    back = kind.path
    return Listing(
        f"{kind.noun}s",
        (
            TableColumn("Name", "name", "name"),
            TableColumn("Status", "status", "status"),
            TableColumn("Duration", "duration", "", 1),
            TableColumn("Started", "time", "started"),
            TableColumn("Reason", "text", "", 3),
        ),
        tuple(_row(kind, one) for one in read.rows),
        kind.start,
        **read.position,
        chips=read.chips,
        choices=(tables.status_choice(visit, STATUSES),),
        acts=(
            Button(
                "Stop",
                OperationCall("sagemaker", f"Stop{kind.prefix}", {}),
                "Stopping {n}",
                each=f"{kind.prefix}Name",
                back=back,
            ),
        ),
        q=visit.query.get("q", ""),
        sorted_by=read.sorted_by,
    )


def _row(kind: JobPageKind, one: dict[str, Any]) -> Row:
    name = one[f"{kind.prefix}Name"]
    end = one.get(f"{kind.prefix.removesuffix('Job')}EndTime")
    return Row(
        name,
        (
            tables.name(name, f"{kind.path}/{name}"),
            tables.status(one[f"{kind.prefix}Status"]),
            tables.seconds(wording.seconds_between(one["CreationTime"], end)),
            tables.time(one["CreationTime"]),
            tables.text(one.get("FailureReason") or one.get("ExitMessage") or "", look="cut2 soft"),
        ),
    )


def view(visit: Visit, kind: JobPageKind) -> JobView:
    name = visit.path["name"]
    member, stem = f"{kind.prefix}Name", kind.prefix.removesuffix("Job")
    found = visit.client.sagemaker(f"Describe{kind.prefix}", **{member: name})
    status, begin, end = found[f"{kind.prefix}Status"], found.get(f"{stem}StartTime"), found.get(f"{stem}EndTime")
    artefacts, pairs = kind.parts(found)
    running = status in ("InProgress", "Stopping")
    stop = Button(
        "Stop",
        OperationCall("sagemaker", f"Stop{kind.prefix}", {member: name}),
        f"Stopping {name}",
        "harm",
        back=f"{kind.path}/{name}",
        off="" if status == "InProgress" else "The job isn't running",
    )
    phases = _phases(found, status, begin, end, visit)
    facts = (
        Fact(
            "Duration" if end else "Runs for",
            wording.duration(wording.seconds_between(begin or found["CreationTime"], end or visit.now)),
            answer=True,
        ),
        Fact("Started", at=found["CreationTime"]),
        Fact("Instance", jobview.instance(kind.resources(found))),
    )
    settings = {
        "ARN": found[f"{kind.prefix}Arn"],
        "Role": found.get("RoleArn", ""),
        **{f"${k}": v for k, v in found.get("Environment", {}).items()},
    }
    return JobView(
        name,
        kind.noun,
        kind.path,
        status,
        found.get("FailureReason", ""),
        facts,
        tuple(phases),
        jobview.figures(visit, kind.group, member, name),
        jobview.log(visit, kind.group, name, live=running),
        artefacts,
        pairs,
        tuple((k, v) for k, v in settings.items() if v),
        (),
        (stop,) if running else (),
        hardware=jobview.hardware(visit, kind.group, name, kind.resources(found).get("InstanceCount", 1)),
        bar=jobview.phase_bar(phases),
        why=visit.why(found[f"{kind.prefix}Arn"].rpartition(":")[2].partition("/")[0], name, live=running),
        related=_flow_of(found),
    )


def _flow_of(found: dict[str, Any]) -> tuple[tuple[str, str, str], ...]:
    """Returns Data Wrangler's flow that a processing job runs, if it is one of this server's."""
    for one in found.get("ProcessingInputs") or ():
        flow = flow_name(one.get("S3Input", {}).get("S3Uri", "")) if one.get("InputName") == "flow" else ""
        if flow:
            return (("Flow", flow, f"/studio/wrangler/{flow}"),)
    return ()


def _phases(
    found: dict[str, Any], status: str, begin: datetime | None, end: datetime | None, visit: Visit
) -> list[JobPhase]:
    running = status in ("InProgress", "Stopping")
    started = begin or (visit.now if running else end)
    waited = wording.seconds_between(found["CreationTime"], started)
    phases = [JobPhase("Starting", "ok" if begin or not running else "run", waited)]
    if begin:
        look = {"Failed": "fail", "Stopped": "idle"}.get(status, "run" if running else "ok")
        word = "Running" if running else wording.status_word(status)
        phases.append(JobPhase(word, look, wording.seconds_between(begin, end or visit.now)))
    return phases


@page("/processing", "list.html", "processing", ("processing",))
def processing_jobs(visit: Visit) -> Listing:
    return listing(visit, PROCESSING)


@page("/processing/{name}", "job.html", "processing", ("processing",))
def processing_job(visit: Visit) -> JobView:
    return view(visit, PROCESSING)


@page("/transform", "list.html", "transform", ("transform",))
def transform_jobs(visit: Visit) -> Listing:
    return listing(visit, TRANSFORM)


@page("/transform/{name}", "job.html", "transform", ("transform",))
def transform_job(visit: Visit) -> JobView:
    return view(visit, TRANSFORM)


def _log(visit: Visit, kind: JobPageKind) -> jobview.LogView:
    name = visit.path["name"]
    job = visit.client.sagemaker(f"Describe{kind.prefix}", **{f"{kind.prefix}Name": name})
    running = job[f"{kind.prefix}Status"] in ("InProgress", "Stopping")
    found = jobview.log(visit, kind.group, name, live=running, most=jobview.MOST_LINES)
    return jobview.LogView(name, f"{kind.noun}s", f"{kind.path}/{name}", found)


@page("/processing/{name}/log", "log.html", "processing", ("processing",))
def processing_log(visit: Visit) -> jobview.LogView:
    return _log(visit, PROCESSING)


@page("/transform/{name}/log", "log.html", "transform", ("transform",))
def transform_log(visit: Visit) -> jobview.LogView:
    return _log(visit, TRANSFORM)
