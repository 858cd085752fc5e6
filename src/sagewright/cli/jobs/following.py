"""Log lines of a job: the newest ones, those since a moment, and new ones until its end."""

from __future__ import annotations

import re
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer

from sagewright.cli.jobs.kinds import ENDED, POLL_S, JobKind, log_events, refuse
from sagewright.cli.lean import Document, ServiceClient, ServiceError
from sagewright.cli.options import fail, plain
from sagewright.cli.output import write

Follow = Annotated[bool, typer.Option("--follow", "-f", help="Follow until the end.")]
Tail = Annotated[int | None, typer.Option("--tail", "-n", min=0, help="Begin with the newest N lines.", metavar="N")]
Since = Annotated[str, typer.Option("--since", help="Only lines since then: 90s, 10m, 2h, 1d, or 2026-01-31T08:00.")]
Timestamps = Annotated[bool, typer.Option("--timestamps", "-t", help="Begin each line with its time.")]
_BEFORE = ("Starting", "Pending")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class LogOptions:
    """Which lines to print. `since_ms`: the oldest; `tail`: how many of those that exist already, None for all."""

    follow: bool = False
    tail: int | None = None
    since_ms: int | None = None
    timestamps: bool = False

    @classmethod
    def parse(cls, follow: bool, tail: int | None, since: str, timestamps: bool) -> LogOptions:
        """Ends the command for a moment that cannot be read."""
        return cls(follow, tail, parse_moment(since) if since else None, timestamps)

    def line(self, source: str, event: Document) -> str:
        at = ""
        if self.timestamps:
            at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC).isoformat(timespec="milliseconds") + " "
        return f"{at}{source} | {event['message']}"


def parse_moment(text: str) -> int:
    """Returns a moment in milliseconds since the epoch. A time without a zone is local. Ends the command for another text."""
    if match := re.fullmatch(r"([0-9]{1,9})([smhd])", text):
        return int((time.time() - int(match[1]) * _UNITS[match[2]]) * 1000)
    try:
        return max(0, int(datetime.fromisoformat(text).timestamp() * 1000))
    except (ValueError, OverflowError):
        fail(f"--since {text} is neither an age such as 90s, 10m, 2h or 1d nor a time such as 2026-01-31T08:00.")


def follow_job(
    sagemaker: ServiceClient, cloudwatch: ServiceClient, kind: JobKind, name: str, options: LogOptions
) -> Document:
    """Prints a job's lines, until its end with `follow`; until it runs, why it does not, on the standard error. Returns the job as
    last described."""
    tokens: dict[str, str] = {}
    said = ""
    tail = options.tail
    while True:
        job = kind.describe(sagemaker, name)
        if options.follow and (told := _waits_for(job)) not in ("", said):
            said = told
            typer.echo(plain(said), err=True)
        try:
            print_events(cloudwatch, kind, name, tokens, options, tail)
        except ServiceError as error:
            refuse(error)
        if kind.status(job) in ENDED or not options.follow:
            return job
        tail = None  # later passes print all new lines
        time.sleep(POLL_S)


def _waits_for(job: Document) -> str:
    """Returns what a training job waits for, such as its place in the queue. "" once it runs, and while its environment is built,
    which its log says."""
    newest = (job.get("SecondaryStatusTransitions") or [{}])[-1]
    said = str(newest.get("StatusMessage", "")) if newest.get("Status") in _BEFORE else ""
    return "" if said.startswith("Preparing the environment") else said


def print_events(
    cloudwatch: ServiceClient,
    kind: JobKind,
    name: str,
    tokens: dict[str, str],
    options: LogOptions,
    tail: int | None,
    label: str = "",
) -> None:
    """Prints the new lines of a job, at most the newest `tail` ones. `label`: precedes the host."""
    events = log_events(cloudwatch, kind, name, tokens, options.since_ms)
    for host, event in events if tail is None else deque(events, maxlen=tail):
        write(options.line(label + host, event))
