"""Commands that all kinds of jobs have: list, logs, stop and wait."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from sagewright.cli.jobs.following import Follow, LogOptions, Since, Tail, Timestamps, follow_job
from sagewright.cli.jobs.kinds import ENDED, POLL_S, JobKind, refuse
from sagewright.cli.jobs.names import AllNames, Last, Name, resolve_name, resolve_names
from sagewright.cli.lean import Document, ServiceError, lean_client, request
from sagewright.cli.options import FAILURE, DataOption, fail, settings_of
from sagewright.cli.output import (
    Format,
    JsonOption,
    OutputColumn,
    OutputOption,
    chosen,
    moment,
    print_rows,
    seconds_between,
)

if TYPE_CHECKING:
    from sagewright.model.settings import Settings

_TIMED = 100
"""Jobs whose times are requested at once."""


def add_commands(app: typer.Typer, kind: JobKind) -> None:
    """Adds list, logs, stop and wait."""
    add_list(app, kind)
    add_logs(app, kind)
    add_stop(app, kind)
    add_wait(app, kind)


def add_list(app: typer.Typer, kind: JobKind) -> None:
    @app.command("list")
    def list_(
        data: DataOption = None,
        status: Annotated[str | None, typer.Option(help="Only jobs with this status.")] = None,
        contains: Annotated[str | None, typer.Option(help="Only jobs with this in their name.")] = None,
        limit: Annotated[int, typer.Option(help="Number of entries, newest first.", min=1)] = 20,
        output: OutputOption = Format.TABLE,
        json: JsonOption = False,
    ) -> None:
        """List the newest jobs. Seconds exclude the time in the queue; JSON has the summaries of the List operation."""
        form = chosen(output, json)
        filters = {"StatusEquals": status, "NameContains": contains}
        requested = {name: value for name, value in filters.items() if value is not None}
        settings = settings_of(data=data)
        pages = lean_client(settings, "sagemaker").pages(
            f"List{kind.member}s", most=limit, SortBy="CreationTime", SortOrder="Descending", **requested
        )
        try:
            found = [job for page in pages for job in page[f"{kind.member}Summaries"]][:limit]
        except ServiceError as error:
            refuse(error)
        timed = kind.queued and form in {Format.TABLE, Format.WIDE}
        starts = start_times(settings, kind, found) if timed else {}
        print_rows(found, _fields(kind, starts), form)


def _fields(kind: JobKind, starts: dict[str, datetime]) -> list[OutputColumn]:
    def seconds(job: Document) -> str:
        start = starts.get(kind.name(job)) if kind.queued else job[kind.start]
        return seconds_between(start, job.get(kind.end))

    return [
        OutputColumn("name", kind.name),
        OutputColumn("status", kind.status),
        OutputColumn("created", lambda job: moment(job["CreationTime"])),
        OutputColumn("seconds", seconds),
        OutputColumn("ended", lambda job: moment(job.get(kind.end)), wide=True),
        OutputColumn("arn", lambda job: str(job[f"{kind.member}Arn"]), wide=True),
    ]


def start_times(settings: Settings, kind: JobKind, found: list[Document]) -> dict[str, datetime]:
    """Returns when each job left the queue: AWS's lists do not have that."""
    from datetime import UTC
    from urllib.parse import quote

    starts: dict[str, datetime] = {}
    for first in range(0, len(found), _TIMED):
        names = ",".join(quote(kind.name(job), safe="") for job in found[first : first + _TIMED])
        times = request(settings, "GET", f"jobs/{kind.member}/starts?names={quote(names, safe='')}")
        starts |= {name: datetime.fromtimestamp(at_ms / 1000, UTC) for name, at_ms in times.items()}
    return starts


def add_logs(app: typer.Typer, kind: JobKind) -> None:
    @app.command()
    def logs(
        name: Name = "",
        data: DataOption = None,
        follow: Follow = False,
        tail: Tail = None,
        since: Since = "",
        timestamps: Timestamps = False,
        last: Last = False,
    ) -> None:
        """Print the job's log lines, host by host."""
        settings = settings_of(data=data)
        sagemaker, cloudwatch = lean_client(settings, "sagemaker"), lean_client(settings, "logs")
        named = resolve_name(sagemaker, kind, name, last)
        follow_job(sagemaker, cloudwatch, kind, named, LogOptions.parse(follow, tail, since, timestamps))


def add_stop(app: typer.Typer, kind: JobKind) -> None:
    @app.command()
    def stop(names: AllNames = None, data: DataOption = None, last: Last = False) -> None:
        """Stop jobs: SIGTERM, a grace period, then SIGKILL; their outputs are kept."""
        sagemaker = lean_client(settings_of(data=data), "sagemaker")
        for name in resolve_names(sagemaker, kind, names or [], last):
            try:
                sagemaker.call(f"Stop{kind.member}", **{f"{kind.member}Name": name})
            except ServiceError as error:
                refuse(error)
            typer.echo(f"{name} is being stopped")


def add_wait(app: typer.Typer, kind: JobKind) -> None:
    @app.command()
    def wait(
        names: AllNames = None,
        data: DataOption = None,
        last: Last = False,
        timeout_s: Annotated[
            float, typer.Option("--timeout", min=0, help="Seconds after which to give up with exit status 1; 0: never.")
        ] = 0,
    ) -> None:
        """Wait until jobs have ended. The exit status is 0 if all of them completed, else 1."""
        sagemaker = lean_client(settings_of(data=data), "sagemaker")
        deadline = time.monotonic() + timeout_s if timeout_s else float("inf")
        good = True
        for name in resolve_names(sagemaker, kind, names or [], last):
            job = kind.describe(sagemaker, name)
            while kind.status(job) not in ENDED:
                if time.monotonic() > deadline:
                    fail(f"{name} is still {kind.status(job)} after {timeout_s:g} s", FAILURE)
                time.sleep(POLL_S)
                job = kind.describe(sagemaker, name)
            good = good and kind.status(job) == "Completed"
            reason = str(job.get("FailureReason", "")).partition("\n")[0]
            typer.echo(f"{name}  {kind.status(job)}{f'  {reason}' if reason else ''}")
        if not good:
            raise typer.Exit(FAILURE)
