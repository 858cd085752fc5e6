"""`sagewright status` and `sagewright top`: the server, what runs on which share of the machine, and what waits for what."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from sagewright.cli.lean import connect
from sagewright.cli.options import FAILURE, DataOption, fail, settings_of
from sagewright.cli.output import JsonOption, gigabytes, moment, print_facts, print_json, table_lines, write

Document = dict[str, Any]
_HOLDERS = ("owner", "role", "CPUs", "GiB", "GPUs", "running", "waiting", "limits")
_COLUMNS = ("name", "kind", "state", "for", "CPUs", "GiB", "GPUs", "waits for")


def status(data: DataOption = None, json: JsonOption = False) -> None:
    """Show the running server: URL, pid, version, start, jobs, machine, disk. The exit status is 2 if none runs.

    JSON has endpoint, version, pid, since_ms, now_ms, data, disk (free_bytes, total_bytes), machine and reserved (cpus,
    memory_gb, gpus), running, queued, and the jobs as `sagewright top` has them.
    """
    found = _snapshot(data)
    if json:
        print_json(found)
        return
    machine, reserved, disk = found["machine"], found["reserved"], found["disk"]
    facts = [
        ("Studio", f"{found['endpoint']}/studio"),
        ("version", found["version"]),
        ("pid", str(found["pid"])),
        ("since", moment(datetime.fromtimestamp(found["since_ms"] / 1000, UTC))),
        ("data", found["data"]),
        ("jobs", f"{found['running']} running, {found['queued']} queued"),
        ("CPUs", f"{reserved['cpus']:g} of {machine['cpus']:g} reserved"),
        ("memory", f"{reserved['memory_gb']:g} of {machine['memory_gb']:g} GiB reserved"),
        ("GPUs", f"{reserved['gpus']:g} of {machine['gpus']:g} reserved"),
        ("disk", f"{gigabytes(disk['free_bytes'])} of {gigabytes(disk['total_bytes'])} free"),
    ]
    print_facts(found["endpoint"], "running", facts)


def top(
    data: DataOption = None,
    json: JsonOption = False,
    interval_s: Annotated[float, typer.Option("--interval", min=0.2, help="Seconds between refreshes.")] = 2,
    once: Annotated[
        bool, typer.Option("--once", help="Print one table and exit, as when output goes to a pipe.")
    ] = False,
) -> None:
    """Show who holds which share of the machine, running jobs with their resources, and queued jobs with their reasons. On a
    terminal, refresh until Ctrl-C.

    JSON has holders: owner, role, cpus, memory_gb, gpus, disk_gb, running, waiting, and limits as `sagewright quotas list` has
    them; running_jobs and queued_jobs: name, kind, owner, status, created_ms, started_ms, cpus, memory_gb, gpus, gpu_indexes, and
    waits_for of a queued job.
    """
    if json:
        found = _snapshot(data)
        print_json({name: found[name] for name in ("holders", "running_jobs", "queued_jobs")})
        return
    live = sys.stdout.isatty() and not once
    try:
        while True:
            lines = list(_lines(_snapshot(data)))
            if not live:
                for line in lines:
                    write(line, clean=False)
                return
            sys.stdout.write("\x1b[H\x1b[2J" + "\n".join(lines) + "\n")
            sys.stdout.flush()
            time.sleep(interval_s)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _snapshot(data: Any) -> Document:
    from sagewright.cli.lean import ServiceError

    connection = connect(settings_of(data=data))
    try:
        found: Document = connection.send("GET", "/_sagewright/overview", "sagewright", {})
    except ServiceError as error:
        fail(error.message, FAILURE)
    return {"endpoint": connection.target.endpoint, **found}


def _lines(found: Document) -> Iterator[str]:
    machine, reserved = found["machine"], found["reserved"]
    shares = ", ".join(
        f"{reserved[what]:g} of {machine[what]:g} {noun}"
        for what, noun in (("cpus", "CPUs"), ("memory_gb", "GiB"), ("gpus", "GPUs"))
    )
    yield f"{found['running']} running, {found['queued']} queued; reserved: {shares}"
    if len({one["owner"] for one in found["holders"]}) > 1 or any(one["limits"] for one in found["holders"]):
        yield from table_lines(_HOLDERS, [_holder(one) for one in found["holders"]])
        yield ""
    rows = [_row(found, job, "running") for job in found["running_jobs"]]
    rows += [_row(found, job, "waiting") for job in found["queued_jobs"]]
    yield from table_lines(_COLUMNS, rows)
    left = found["running"] + found["queued"] - len(rows)
    if left > 0:
        yield f"… and {left} more"


def _holder(one: Document) -> list[str]:
    limits = ", ".join(
        f"{each['name']} {each['used']:g}/{each['limit']:g}" for each in one["limits"] if each["code"] != "SW-WEIGHT"
    )
    amounts = [f"{one[name]:g}" for name in ("cpus", "memory_gb", "gpus", "running", "waiting")]
    return [one["owner"] or "unknown", one["role"], *amounts, limits]


def _row(found: Document, job: Document, state: str) -> list[str]:
    since_ms = job["started_ms"] if state == "running" and job["started_ms"] else job["created_ms"]
    gpus = ",".join(map(str, job["gpu_indexes"])) or f"{job['gpus']:g}"
    age_s = max(0, found["now_ms"] - since_ms) // 1000
    amounts = [f"{job['cpus']:g}", f"{job['memory_gb']:g}", f"#{gpus}" if job["gpu_indexes"] else gpus]
    return [job["name"], job["kind"], state, f"{age_s} s", *amounts, job.get("waits_for", "")]
