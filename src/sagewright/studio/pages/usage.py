"""Usage: the machine's use by user, waiting jobs, and the used part of each limit."""

from __future__ import annotations

from sagewright.studio import tables
from sagewright.studio.operations import Holder
from sagewright.studio.tables import Chip, EmptyState, Listing, Row, TableCell, TableColumn
from sagewright.studio.visit import Visit, page

START = EmptyState("Nothing is running or waiting", "sagewright quotas set jobs 2 --user ann   # limits are shown here")
UNKNOWN = "unknown"
"""Owner of jobs that an earlier version has created."""


@page("/usage", "list.html", "usage", ("training", "processing", "transform", "serving", "interactive"))
def usage(visit: Visit) -> Listing:
    visit.client.call("sagemaker", "ListTrainingJobs", MaxResults=1)  # the right to see what others run
    query = visit.query.get("q", "")
    found = [one for one in visit.client.readings.holders() if query in f"{one.owner} {one.role}"]
    machine = visit.client.readings.machine()
    columns = (
        TableColumn("Owner", "name"),
        TableColumn("Role", "mono", "", 3),
        TableColumn("CPUs", "number"),
        TableColumn("Memory", "size", "", 2),
        TableColumn("GPUs", "number", "", 1),
        TableColumn("Jobs", "text"),
        TableColumn("Limits, used of", "text", "", 1),
    )
    held = f"{machine.cpus_held:g} of {machine.cpus} CPUs and {machine.gpus_held} of {machine.gpus} GPUs are in use"
    shown, position = tables.sliced(visit, found)
    return Listing(
        "Usage",
        columns,
        tuple(_row(one) for one in shown),
        START,
        total=held,
        crumb="Data and tools",
        hint="Owner or role…",
        q=query,
        chips=(Chip("Owner or role contains", query, visit.link(q=None)),) if query else (),
        **position,
    )


def _row(one: Holder) -> Row:
    full = any(used >= most for _, used, most in one.limits)
    said = ", ".join(f"{name} {used:g}/{most:g}" for name, used, most in one.limits)
    return Row(
        f"{one.owner} {one.role}",
        (
            tables.text(one.owner or UNKNOWN),
            TableCell(one.role, "mono"),
            TableCell(one.cpus, "number", look="f-num"),
            TableCell(one.memory, "size"),
            tables.count(one.gpus),
            tables.text(f"{one.running} running, {one.waiting} waiting", look="f-state"),
            tables.text(said, look="bad" if full else ""),
        ),
    )
