"""The newest job of a flow: how it ended, and in which step it failed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from sagewright.model.errors import AwsError
from sagewright.studio.visit import Visit

_NODE = re.compile(r"\(node ([^()\s]{1,100})\)")


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
