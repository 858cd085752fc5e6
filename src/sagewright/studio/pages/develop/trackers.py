"""MLflow tracking servers: the list, and the way into one."""

from __future__ import annotations

from typing import Any

from sagewright.studio import tables
from sagewright.studio.buttons import Button
from sagewright.studio.operations import OperationCall
from sagewright.studio.tables import EmptyState, Listing, ListSource, ListTab, Row, TableCell, TableColumn
from sagewright.studio.visit import Done, Visit, page

START = EmptyState(
    "No MLflow tracking server yet",
    "import boto3\n\n"
    'boto3.client("sagemaker").create_mlflow_tracking_server(TrackingServerName="team", ArtifactStoreUri="s3://BUCKET/mlflow",\n'
    '    RoleArn="arn:aws:iam::000000000000:role/SageMakerExecutionRole")',
)
ORDERS = {"name": "Name", "status": "Status", "made": "CreationTime"}
TABS = (("Experiments", "/studio/experiments"), ("MLflow servers", "/studio/trackers"))


@page("/trackers", "list.html", "experiments", ("mlflow-tracking-server", "tracking"))
def trackers(visit: Visit) -> Listing:
    source = ListSource("ListMlflowTrackingServers", "TrackingServerSummaries", ORDERS, "-made", name_filter="")
    read = tables.read(visit, source)
    columns = (
        TableColumn("Name", "name", "name"),
        TableColumn("Status", "status", "status"),
        TableColumn("MLflow", "text", "", 1),
        TableColumn("Interface", "text"),
        TableColumn("Created", "time", "made"),
    )
    start = OperationCall("sagemaker", "StartMlflowTrackingServer", {})
    stop = OperationCall("sagemaker", "StopMlflowTrackingServer", {})
    acts = (
        Button("Start", start, "Starting {n}", each="TrackingServerName", back="/studio/trackers"),
        Button("Stop", stop, "Stopping {n}", each="TrackingServerName", back="/studio/trackers"),
    )
    return Listing(
        "MLflow servers",
        columns,
        tuple(_row(one) for one in read.rows),
        START,
        **read.position,
        views=tuple(ListTab(label, link, label == "MLflow servers") for label, link in TABS),
        acts=acts,
        sorted_by=read.sorted_by,
        hint="",
    )


def _row(one: dict[str, Any]) -> Row:
    name = one["TrackingServerName"]
    runs = one.get("IsActive") == "Active"
    return Row(
        name,
        (
            tables.text(name),
            tables.status(one["TrackingServerStatus"]),
            tables.text(one.get("MlflowVersion", ""), look="soft"),
            TableCell("Open" if runs else "", "text", f"/studio/trackers/{name}/open" if runs else ""),
            tables.time(one["CreationTime"]),
        ),
    )


@page("/trackers/{name}/open", "later.html", "experiments")
def open_tracker(visit: Visit) -> Done:
    """Opens MLflow's own interface by a URL that works once."""
    found = visit.client.sagemaker("CreatePresignedMlflowTrackingServerUrl", TrackingServerName=visit.path["name"])
    return Done("", found["AuthorizedUrl"])
