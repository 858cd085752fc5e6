"""One space or notebook instance: its apps, settings, home, and logs of its starts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sagewright.studio.buttons import Button
from sagewright.studio.operations import NotebookUsage, OperationCall
from sagewright.studio.pages.prepare.notebook_lines import BACK, LIVE, app_status, opening
from sagewright.studio.pages.prepare.notebook_resources import flat
from sagewright.studio.visit import Visit, page

SPACES_LOG, INSTANCES_LOG = "/aws/sagemaker/studio", "/aws/sagemaker/NotebookInstances"
MOST = 100


@dataclass(frozen=True)
class AppLine:
    name: str
    type: str
    status: str
    made: datetime
    instance: str


@dataclass(frozen=True)
class NotebookDetails:
    """`settings`: paths of members and their values; `logs`: streams of its log group; `open`: the URL that opens it, "" while
    it does not run; `start`: that which starts it first."""

    title: str
    kind: str
    status: str
    reason: str
    owner: str
    sharing: str
    arn: str
    made: datetime
    changed: datetime
    use: NotebookUsage
    apps: tuple[AppLine, ...]
    settings: tuple[tuple[str, str], ...]
    log_group: str
    logs: tuple[str, ...]
    open: str
    start: str
    acts: tuple[Button, ...]


@page("/notebooks/spaces/{domain}/{space}", "notebook.html", "notebooks", ("space", "app"))
def space(visit: Visit) -> NotebookDetails:
    client, domain, name = visit.client, visit.path["domain"], visit.path["space"]
    found = client.sagemaker("DescribeSpace", DomainId=domain, SpaceName=name)
    of_space = {"DomainIdEquals": domain, "SpaceNameEquals": name}
    listed = client.sagemaker("ListApps", **of_space, SortOrder="Descending", MaxResults=MOST)["Apps"]
    live = next((one for one in listed if one["Status"] in LIVE), listed[0] if listed else {})
    app_type = live.get("AppType") or (found.get("SpaceSettings") or {}).get("AppType") or "JupyterLab"
    names = {"DomainId": domain, "SpaceName": name, "AppType": app_type, "AppName": live.get("AppName", "default")}
    described = client.aside("sagemaker", "DescribeApp", **names) if live else {}
    status = app_status(live.get("Status", ""))
    running = status in LIVE
    delete = OperationCall("sagemaker", "DeleteSpace", {"DomainId": domain, "SpaceName": name})
    stop = Button("Stop", OperationCall("sagemaker", "DeleteApp", names), f"Stopping {name}; its files stay")
    address = opening(domain=domain, space=name, app=app_type)
    return NotebookDetails(
        title=found["SpaceName"],
        kind=f"space, {app_type}",
        status=status,
        reason=described.get("FailureReason", ""),
        owner=(found.get("OwnershipSettings") or {}).get("OwnerUserProfileName", ""),
        sharing=(found.get("SpaceSharingSettings") or {}).get("SharingType", "Shared"),
        arn=found["SpaceArn"],
        made=found["CreationTime"],
        changed=found["LastModifiedTime"],
        use=client.readings.notebooks().get((domain, name.lower(), app_type), NotebookUsage()),
        apps=tuple(_app(one) for one in listed),
        settings=tuple(flat(found.get("SpaceSettings") or {})),
        log_group=SPACES_LOG,
        logs=_streams(visit, SPACES_LOG, f"{domain}/{found['SpaceName']}/"),
        open=address if running else "",
        start="" if running else address,
        acts=(stop,)
        if running
        else (
            Button(
                "Delete…", delete, f"{name} is deleted", "harm", confirm=f"The space {name} and its files are deleted permanently.",
                back=BACK,
            ),
        ),
    )  # fmt: skip


@page("/notebooks/instances/{name}", "notebook.html", "notebooks", ("notebook-instance",))
def instance(visit: Visit) -> NotebookDetails:
    client, name = visit.client, visit.path["name"]
    found = client.sagemaker("DescribeNotebookInstance", NotebookInstanceName=name)
    status, asked = found["NotebookInstanceStatus"], {"NotebookInstanceName": name}
    stop = Button("Stop", OperationCall("sagemaker", "StopNotebookInstance", asked), f"Stopping {name}; its files stay")
    delete = OperationCall("sagemaker", "DeleteNotebookInstance", asked)
    left_out = {"NotebookInstanceArn", "NotebookInstanceName", "NotebookInstanceStatus", "CreationTime", "LastModifiedTime", "Url",
                "FailureReason"}  # fmt: skip
    return NotebookDetails(
        title=name,
        kind="notebook instance",
        status=status,
        reason=found.get("FailureReason", ""),
        owner="",
        sharing="",
        arn=found["NotebookInstanceArn"],
        made=found["CreationTime"],
        changed=found["LastModifiedTime"],
        use=client.readings.notebooks().get(("", name, ""), NotebookUsage()),
        apps=(),
        settings=tuple(flat({key: value for key, value in found.items() if key not in left_out})),
        log_group=INSTANCES_LOG,
        logs=_streams(visit, INSTANCES_LOG, f"{name}/"),
        open=opening(instance=name) if status in LIVE else "",
        start=opening(instance=name) if status == "Stopped" else "",
        acts=(stop,)
        if status == "InService"
        else (
            Button(
                "Delete…", delete, f"{name} is being deleted", "harm", confirm=f"{name} and its files are deleted permanently.",
                off="" if status in {"Stopped", "Failed"} else f"it is {status}", back=BACK,
            ),
        ),
    )  # fmt: skip


def _app(one: dict[str, Any]) -> AppLine:
    spec = one.get("ResourceSpec") or {}
    return AppLine(
        one["AppName"], one["AppType"], app_status(one["Status"]), one["CreationTime"], spec.get("InstanceType", "")
    )


def _streams(visit: Visit, group: str, prefix: str) -> tuple[str, ...]:
    listed, _ = visit.client.attempt(
        "logs", "DescribeLogStreams", logGroupName=group, logStreamNamePrefix=prefix, limit=50
    )
    return tuple(one["logStreamName"] for one in listed.get("logStreams", []))
