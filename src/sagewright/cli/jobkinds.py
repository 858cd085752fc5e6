"""Commands common to every kind of job: list, logs, stop; through the same operations as any client."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from botocore.exceptions import ClientError
from rich.table import Column, Table

from sagewright.cli.client import client
from sagewright.cli.options import DataOption, console, fail, settings_of

POLL_S = 0.3
COLOURS = {"Completed": "green", "Failed": "red", "Stopped": "yellow", "Stopping": "yellow"}
Name = Annotated[str, typer.Argument(help="Name of the job.")]


@dataclass(frozen=True)
class JobKind:
    """`member`: prefix of its members, such as TrainingJob; `method`: name in boto3's methods, such as training_job; `end`: member
    with its end time."""

    member: str
    method: str
    end: str

    @property
    def log_group(self) -> str:
        return f"/aws/sagemaker/{self.member}s"

    def describe(self, sagemaker: Any, name: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = getattr(sagemaker, f"describe_{self.method}")(**{f"{self.member}Name": name})
        except ClientError as error:
            fail(answer(error))
        return found

    def status(self, job: dict[str, Any]) -> str:
        return str(job[f"{self.member}Status"])


def answer(error: ClientError) -> str:
    return str(error.response["Error"]["Message"])


def coloured(status: str) -> str:
    colour = COLOURS.get(status, "cyan")
    return f"[{colour}]{status}[/{colour}]"


def add_commands(app: typer.Typer, kind: JobKind) -> None:
    """Adds list, logs and stop."""
    add_list(app, kind)
    add_logs(app, kind)
    add_stop(app, kind)


def add_list(app: typer.Typer, kind: JobKind) -> None:
    @app.command("list")
    def list_(
        data: DataOption = None,
        status: Annotated[str | None, typer.Option(help="Only jobs with this status.")] = None,
        contains: Annotated[str | None, typer.Option(help="Only jobs with this in their name.")] = None,
        limit: Annotated[int, typer.Option(help="Number of entries, newest first.")] = 20,
    ) -> None:
        """The newest jobs."""
        filters = {"StatusEquals": status, "NameContains": contains}
        requested = {name: value for name, value in filters.items() if value is not None}
        pages = (
            client(settings_of(data=data), "sagemaker")
            .get_paginator(f"list_{kind.method}s")
            .paginate(
                SortBy="CreationTime",
                SortOrder="Descending",
                PaginationConfig={"MaxItems": limit, "PageSize": 100},
                **requested,
            )
        )
        table = Table(Column("name", overflow="fold"), "status", "created", "seconds", box=None)
        try:
            for job in (summary for page in pages for summary in page[f"{kind.member}Summaries"]):
                table.add_row(*_row(kind, job))
        except ClientError as error:
            fail(answer(error))
        console.print(table)


def add_logs(app: typer.Typer, kind: JobKind) -> None:
    @app.command()
    def logs(
        name: Name,
        data: DataOption = None,
        follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow until the job has ended.")] = False,
    ) -> None:
        """The job's log lines, host by host."""
        settings = settings_of(data=data)
        sagemaker, cloudwatch = client(settings, "sagemaker"), client(settings, "logs")
        tokens: dict[str, str] = {}
        while True:
            ended = kind.status(kind.describe(sagemaker, name)) in {"Completed", "Failed", "Stopped"}
            for host, line in log_lines(cloudwatch, kind, name, tokens):
                console.print(f"{host} | {line}", markup=False, soft_wrap=True)
            if ended or not follow:
                return
            time.sleep(POLL_S)


def add_stop(app: typer.Typer, kind: JobKind) -> None:
    @app.command()
    def stop(name: Name, data: DataOption = None) -> None:
        """Stop a job: SIGTERM, a grace period, then SIGKILL; its outputs are kept."""
        sagemaker = client(settings_of(data=data), "sagemaker")
        try:
            getattr(sagemaker, f"stop_{kind.method}")(**{f"{kind.member}Name": name})
        except ClientError as error:
            fail(answer(error))
        console.print(f"{name} is being stopped")


def _row(kind: JobKind, job: dict[str, Any]) -> tuple[str, str, str, str]:
    end = job.get(kind.end, datetime.now(UTC))
    created = job["CreationTime"].astimezone().strftime("%Y-%m-%d %H:%M:%S")
    seconds = f"{(end - job['CreationTime']).total_seconds():.1f}"
    return job[f"{kind.member}Name"], coloured(kind.status(job)), created, seconds


def log_lines(
    cloudwatch: Any, kind: JobKind, name: str, tokens: dict[str, str] | None = None
) -> Iterator[tuple[str, str]]:
    """Yields host and text of each line of a job; `tokens`, updated on the way, mark the lines already read."""
    known = {} if tokens is None else tokens
    for stream in _streams(cloudwatch, kind, name):
        host = stream.rsplit("/", 1)[-1].rsplit("-", 1)[0]
        for event in _new_events(cloudwatch, kind, stream, known):
            yield host, event["message"]


def _streams(cloudwatch: Any, kind: JobKind, name: str) -> list[str]:
    try:
        found = cloudwatch.describe_log_streams(logGroupName=kind.log_group, logStreamNamePrefix=f"{name}/")
    except cloudwatch.exceptions.ResourceNotFoundException:
        return []
    return [stream["logStreamName"] for stream in found["logStreams"]]


def _new_events(cloudwatch: Any, kind: JobKind, stream: str, tokens: dict[str, str]) -> Iterator[dict[str, Any]]:
    while True:
        requested = {"nextToken": tokens[stream]} if stream in tokens else {}
        page = cloudwatch.get_log_events(
            logGroupName=kind.log_group, logStreamName=stream, startFromHead=True, **requested
        )
        tokens[stream] = page["nextForwardToken"]
        if not page["events"]:
            return
        yield from page["events"]
