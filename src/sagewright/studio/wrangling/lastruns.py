"""The newest job of a flow: how it ended, in which step it failed, and the duration of each step."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from sagewright.model.errors import AwsError
from sagewright.studio.visit import Visit

_NODE = re.compile(r"\(node ([^()\s]{1,100})\)")
_GROUP = "/aws/sagemaker/ProcessingJobs"
_STEP = re.compile(
    r"step \d+ .{1,300} \(node (\S{1,100})\): (?:rows in ([\d,? ]{1,100}), )?rows out (.{1,500}), columns ([\d,?]{1,20}), "
    r"(?:([\d.]{1,20}) s|streamed)$"
)
"""A line of the job's log (`wrangler.job.running`)."""
MOST_STEPS = 1000


@dataclass(frozen=True)
class StepRun:
    """A step of a finished job. `seconds`: in which it evaluated its input, None where it streamed it into the outputs."""

    node_id: str
    rows_in: str
    rows_out: str
    columns: str
    seconds: float | None


@dataclass(frozen=True)
class LastRun:
    """`step`: the id of the step that failed, "" for none; `outputs`: S3 URIs that it wrote; `train`: the form of a training job on
    the first of them."""

    job: str
    status: str
    reason: str
    step: str
    outputs: tuple[str, ...]
    train: str


def job_prefix(flow: str) -> str:
    """Returns the beginning of the names of a flow's jobs."""
    return re.sub(r"[^A-Za-z0-9-]", "-", flow)[:40].strip("-") + "-"


def last_run(visit: Visit, flow: str) -> LastRun | None:
    """Returns the newest job, None if there is none or the caller may not see it."""
    prefix = job_prefix(flow)
    try:
        listed = visit.client.sagemaker("ListProcessingJobs", NameContains=prefix, MaxResults=10)
        named = [one for one in listed["ProcessingJobSummaries"] if one["ProcessingJobName"].startswith(prefix)]
        if not named:
            return None
        found = visit.client.aside(
            "sagemaker", "DescribeProcessingJob", ProcessingJobName=named[0]["ProcessingJobName"]
        )
    except AwsError:
        return None
    reason = found.get("ExitMessage") or found.get("FailureReason") or ""
    node = _NODE.search(reason)
    status = found["ProcessingJobStatus"]
    outputs = tuple(
        one["S3Output"]["S3Uri"]
        for one in found.get("ProcessingOutputConfig", {}).get("Outputs", ())
        if "S3Output" in one
    )
    wrote = outputs if status == "Completed" else ()
    train = f"/studio/jobs/new?{urlencode({'data': wrote[0]})}" if wrote else ""
    failed = status == "Failed"
    return LastRun(
        found["ProcessingJobName"], status, reason if failed else "", node[1] if node and failed else "", wrote, train
    )


def step_runs(visit: Visit, job: str) -> tuple[StepRun, ...]:
    """Returns the steps in a job's log, none while it runs or where the caller may not read it."""
    try:
        found = visit.client.aside(
            "logs",
            "FilterLogEvents",
            logGroupName=_GROUP,
            logStreamNamePrefix=f"{job}/",
            filterPattern='"rows out"',
            limit=MOST_STEPS,
        )
    except AwsError:
        return ()
    lines = [_STEP.search(one["message"]) for one in found.get("events", ())]
    return tuple(
        StepRun(line[1], line[2] or "", line[3], line[4], float(line[5]) if line[5] else None) for line in lines if line
    )
