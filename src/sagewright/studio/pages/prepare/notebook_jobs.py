"""Notebook jobs: the list, and one job with its notebook as it was run."""

from __future__ import annotations

import io
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from markupsafe import Markup

from sagewright.model.errors import AwsError
from sagewright.studio import tables
from sagewright.studio.buttons import Button
from sagewright.studio.charts.bars import bars
from sagewright.studio.notebooks.cells import ExecutedNotebook, UnreadableNotebook, read_notebook
from sagewright.studio.operations import OperationCall
from sagewright.studio.pages.prepare.notebook_resources import tabs
from sagewright.studio.tables import EmptyState, Listing, Row, TableCell, TableColumn
from sagewright.studio.visit import Visit, page
from sagewright.studio.wording import seconds_between
from sagewright.toolkit.notebook_jobs.outputs import ArchiveLimits, JobOutput, NoOutput, archive_uri, output_in
from sagewright.toolkit.notebook_jobs.requests import DEFINITION, IS_JOB, LABEL, NAME

MIB = 1 << 20
LIMITS = ArchiveLimits(unpacked=64 * MIB, notebook=8 * MIB)
MOST_ARCHIVE = 32 * MIB
MOST_RUNS = 8
CREATED = ("RoleArn", "AlgorithmSpecification", "InputDataConfig", "OutputDataConfig", "ResourceConfig", "StoppingCondition",
           "RetryStrategy", "Environment", "HyperParameters")  # fmt: skip
BACK = "/studio/notebooks/jobs"
START = EmptyState(
    "No notebook has run as a job yet",
    "sagewright notebook run report.ipynb --param date=2026-11-28\n"
    "sagewright notebook run report.ipynb --schedule '30 23 * * 0'   # each Sunday",
)


@dataclass(frozen=True)
class JobLine:
    """A notebook job in a list."""

    name: str
    label: str
    notebook: str
    status: str
    made: datetime
    seconds: float | None
    by: str
    link: str


@dataclass(frozen=True)
class ScheduleLine:
    name: str
    label: str
    expression: str
    zone: str
    state: str


@dataclass(frozen=True)
class NotebookJobView:
    """`fault`: why there is no notebook to show; `files`: further files that the job has written."""

    name: str
    label: str
    notebook_name: str
    status: str
    reason: str
    made: datetime
    seconds: float | None
    image: str
    instance: str
    schedule: ScheduleLine | None
    parameters: tuple[tuple[str, str], ...]
    environment: tuple[tuple[str, str], ...]
    runs: tuple[JobLine, ...]
    files: tuple[tuple[str, int], ...]
    notebook: ExecutedNotebook | None
    fault: str
    output: str
    again: Button | None
    chart: Markup = field(default=Markup(""), repr=False)

    def csv(self) -> tuple[list[str], list[list[Any]]]:
        cells = self.notebook.code if self.notebook else []
        return ["Cell", "Seconds", "Failed", "Source"], [
            [one.number, one.seconds, one.failed, one.source] for one in cells
        ]


def latest_jobs(visit: Visit, most: int, *further: dict[str, str]) -> tuple[tuple[JobLine, ...], str]:
    """Returns the newest notebook jobs, and words for the number of all."""
    filters = [{"Name": f"Tags.{IS_JOB}", "Operator": "Equals", "Value": "true"}, *further]
    found = visit.client.sagemaker(
        "Search",
        Resource="TrainingJob",
        SearchExpression={"Filters": filters},
        SortBy="CreationTime",
        SortOrder="Descending",
        MaxResults=most,
    )
    total = (found.get("TotalHits") or {}).get("Value", len(found["Results"]))
    return tuple(_line(one["TrainingJob"]) for one in found["Results"]), str(total)


def _line(job: dict[str, Any]) -> JobLine:
    tags = {one["Key"]: one["Value"] for one in job.get("Tags", [])}
    notebook = tags.get(NAME) or job.get("Environment", {}).get("SM_INPUT_NOTEBOOK_NAME", "")
    name = job["TrainingJobName"]
    return JobLine(
        name,
        tags.get(LABEL) or notebook or name,
        notebook,
        job["TrainingJobStatus"],
        job["CreationTime"],
        seconds_between(job.get("TrainingStartTime"), job.get("TrainingEndTime")),
        tags.get(DEFINITION, ""),
        f"{BACK}/{name}",
    )


def schedules(visit: Visit) -> list[ScheduleLine]:
    listed = visit.client.aside("scheduler", "ListSchedules", NamePrefix="notebook-", MaxResults=100)["Schedules"]
    found = (_schedule(visit, one["Name"]) for one in listed)
    return [one for one in found if one is not None]


def _schedule(visit: Visit, name: str) -> ScheduleLine | None:
    if not name:
        return None
    try:
        found = visit.client.aside("scheduler", "GetSchedule", Name=name)
    except AwsError:
        return None
    zone = found.get("ScheduleExpressionTimezone", "UTC")
    return ScheduleLine(name, found.get("Description", name), found["ScheduleExpression"], zone, found["State"])


@page("/notebooks/jobs", "list.html", "notebooks", ("training", "schedule"))
def notebook_jobs(visit: Visit) -> Listing:
    lines, total = latest_jobs(visit, tables.ROWS)
    by_name = {one.name: one for one in schedules(visit)}
    columns = (
        TableColumn("Notebook", "name"),
        TableColumn("State", "status"),
        TableColumn("When", "text", "", 1),
        TableColumn("Time", "duration", "", 2),
        TableColumn("Created", "time"),
    )
    rows = tuple(
        Row(
            one.name,
            (
                TableCell(one.label, "name", one.link),
                tables.status(one.status),
                tables.text(_when(by_name.get(one.by)), look="soft"),
                tables.seconds(one.seconds),
                tables.time(one.made),
            ),
        )
        for one in lines
    )
    stop = OperationCall("sagemaker", "StopTrainingJob", {})
    return Listing(
        "Notebook jobs",
        columns,
        rows,
        START,
        crumb="Data and tools",
        total=total,
        views=tabs("jobs", jobs=total),
        acts=(Button("Stop", stop, "Stopping {n}", each="TrainingJobName", back=BACK),),
        hint="",
    )


def _when(schedule: ScheduleLine | None) -> str:
    return f"{schedule.expression} {schedule.zone}" if schedule else "by hand"


@page("/notebooks/jobs/{name}", "notebookjob.html", "notebooks", ("training",))
def notebook_job(visit: Visit) -> NotebookJobView:
    name = visit.path["name"]
    job = visit.client.sagemaker("DescribeTrainingJob", TrainingJobName=name)
    tags = visit.client.aside("sagemaker", "ListTags", ResourceArn=job["TrainingJobArn"])["Tags"]
    line = _line(job | {"Tags": tags})
    environment = job.get("Environment") or {}
    same = {"Name": f"Tags.{NAME}", "Operator": "Equals", "Value": line.notebook}
    runs = latest_jobs(visit, MOST_RUNS, same)[0] if line.notebook else ()
    output, fault = _output(visit, job)
    notebook = None
    if output is not None:
        try:
            notebook = read_notebook(output.notebook)
        except UnreadableNotebook as error:
            fault = str(error)
    slowest = notebook.slowest if notebook else []
    return NotebookJobView(
        name=name,
        label=line.label,
        notebook_name=line.notebook,
        status=line.status,
        reason=job.get("FailureReason", ""),
        made=line.made,
        seconds=line.seconds,
        image=job["AlgorithmSpecification"].get("TrainingImage", "").rpartition("/")[2],
        instance=job["ResourceConfig"].get("InstanceType", ""),
        schedule=_schedule(visit, line.by),
        parameters=tuple((job.get("HyperParameters") or {}).items()),
        environment=tuple(pair for pair in environment.items() if not pair[0].startswith("SM_")),
        runs=runs,
        files=output.files if output else (),
        notebook=notebook,
        fault=fault,
        output=archive_uri(job),
        again=_again(job, tags, line.label),
        chart=bars(slowest, "Seconds by cell") if slowest else Markup(""),
    )


def _output(visit: Visit, job: dict[str, Any]) -> tuple[JobOutput | None, str]:
    """Returns a job's output, or None and the reason."""
    if job["TrainingJobStatus"] not in {"Completed", "Failed", "Stopped"}:
        return None, "The notebook is shown when the job has ended."
    bucket, _, key = archive_uri(job).removeprefix("s3://").partition("/")
    try:
        length = visit.client.aside("s3", "HeadObject", Bucket=bucket, Key=key)["ContentLength"]
        if length > MOST_ARCHIVE:
            return None, f"The output has {length} bytes: at most {MOST_ARCHIVE} are shown. Download it."
        body: bytes = visit.client.aside("s3", "GetObject", Bucket=bucket, Key=key)["Body"]
        return output_in(io.BytesIO(body), job.get("Environment", {}).get("SM_OUTPUT_NOTEBOOK_NAME", ""), LIMITS), ""
    except AwsError as error:
        return None, f"The job left no output: {error.message}"
    except NoOutput as error:
        return None, str(error)


def _again(job: dict[str, Any], tags: list[dict[str, str]], label: str) -> Button | None:
    """Returns the button that runs the same notebook again, with the values of its request."""
    request = {name: job[name] for name in CREATED if job.get(name)}
    own = [one for one in tags if not one["Key"].startswith("aws:") and one["Key"] != DEFINITION]
    stem = job["TrainingJobName"].rpartition("-")[0][:50] or label[:50]
    name = f"{stem}-{secrets.token_hex(4)}"
    call = OperationCall("sagemaker", "CreateTrainingJob", request | {"TrainingJobName": name, "Tags": own})
    return Button("Run again", call, f"{label} runs again.", back=f"{BACK}/{name}")
