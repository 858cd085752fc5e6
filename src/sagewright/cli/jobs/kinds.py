"""Kinds of jobs, their log lines, and errors of the server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from sagewright.cli.lean import Document, ServiceClient, ServiceError
from sagewright.cli.options import FAILURE, fail

POLL_S = 0.3
ENDED = {"Completed", "Failed", "Stopped"}


@dataclass(frozen=True)
class JobKind:
    """`member`: prefix of its members, such as TrainingJob; `noun`: its name in sentences; `start`, `end`: members with its
    times; `queued`: waits for machines before it starts."""

    member: str
    noun: str
    start: str
    end: str
    queued: bool = True

    @property
    def log_group(self) -> str:
        return f"/aws/sagemaker/{self.member}s"

    def describe(self, sagemaker: ServiceClient, name: str) -> Document:
        """Returns the job of this exact name; ends the command if there is none."""
        try:
            return sagemaker.call(f"Describe{self.member}", **{f"{self.member}Name": name})
        except ServiceError as error:
            refuse(error)

    def status(self, job: Document) -> str:
        return str(job[f"{self.member}Status"])

    def name(self, job: Document) -> str:
        return str(job[f"{self.member}Name"])


TRAINING = JobKind("TrainingJob", "training job", "TrainingStartTime", "TrainingEndTime")
PROCESSING = JobKind("ProcessingJob", "processing job", "ProcessingStartTime", "ProcessingEndTime")
TRANSFORM = JobKind("TransformJob", "transform job", "TransformStartTime", "TransformEndTime")
TUNING = JobKind("HyperParameterTuningJob", "tuning job", "CreationTime", "HyperParameterTuningEndTime", queued=False)


def refuse(error: Exception) -> NoReturn:
    """Ends the command with the server's message."""
    fail(answer(error), FAILURE)


def answer(error: Any) -> str:
    """Returns the message of an error of `lean`, or of botocore's ClientError."""
    return str(error.message) if isinstance(error, ServiceError) else str(error.response["Error"]["Message"])


def coloured(status: str) -> str:
    """Returns a status as rich's markup."""
    colour = {"Completed": "green", "Failed": "red", "Stopped": "yellow", "Stopping": "yellow"}.get(status, "cyan")
    return f"[{colour}]{status}[/{colour}]"


def log_lines(
    cloudwatch: ServiceClient, kind: JobKind, name: str, tokens: dict[str, str] | None = None
) -> Iterator[tuple[str, str]]:
    """Yields host and text of each line of a job; `tokens`, updated on the way, mark the lines already read."""
    for host, event in log_events(cloudwatch, kind, name, {} if tokens is None else tokens):
        yield host, event["message"]


def log_events(
    cloudwatch: ServiceClient, kind: JobKind, name: str, tokens: dict[str, str], since_ms: int | None = None
) -> Iterator[tuple[str, Document]]:
    """Yields host and event of each line of a job, as `log_lines`."""
    limits = {} if since_ms is None else {"startTime": since_ms}
    for stream in _streams(cloudwatch, kind, name):
        host = stream.rsplit("/", 1)[-1].rsplit("-", 1)[0]
        while True:
            asked = limits | ({"nextToken": tokens[stream]} if stream in tokens else {})
            page = cloudwatch.call(
                "GetLogEvents", logGroupName=kind.log_group, logStreamName=stream, startFromHead=True, **asked
            )
            tokens[stream] = page["nextForwardToken"]
            if not page["events"]:
                break
            for event in page["events"]:
                yield host, event


def _streams(cloudwatch: ServiceClient, kind: JobKind, name: str) -> list[str]:
    asked: dict[str, Any] = {"logGroupName": kind.log_group, "logStreamNamePrefix": f"{name}/"}
    try:
        return [
            one["logStreamName"]
            for page in cloudwatch.pages("DescribeLogStreams", **asked)
            for one in page["logStreams"]
        ]
    except ServiceError as error:
        if error.code != "ResourceNotFoundException":
            raise
        return []
