"""Lines of the list of notebooks: spaces, apps of user profiles, and notebook instances."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from sagewright.studio.buttons import Button
from sagewright.studio.charts.bars import meter
from sagewright.studio.operations import NotebookUsage, OperationCall
from sagewright.studio.visit import Visit
from sagewright.studio.wording import duration, size

APP_TYPES = ("JupyterLab", "CodeEditor")
LIVE = frozenset({"Pending", "InService", "Updating"})
BACK = "/studio/notebooks"
Uses = dict[tuple[str, str, str], NotebookUsage]


@dataclass(frozen=True)
class NotebookLine:
    """A space or notebook instance. `status`: of its app; `note`: text that is shown instead of its usage; `open`: the URL that
    opens it; `acts`: its buttons; `why`: the URL that explains a failure."""

    name: str
    owner: str
    status: str
    link: str
    use: NotebookUsage
    note: str = ""
    stops: str = ""
    kernels: str = ""
    open: str = ""
    why: str = ""
    acts: tuple[Button, ...] = ()
    bar: Markup = field(default=Markup(""), repr=False)


def spaces_of(
    visit: Visit,
    spaces: list[dict[str, Any]],
    apps: list[dict[str, Any]],
    uses: Uses,
) -> Iterator[NotebookLine]:
    by_space: dict[tuple[str, str], dict[str, Any]] = {}
    for app in apps:
        if "SpaceName" in app:
            key = app["DomainId"], app["SpaceName"].lower()
            if key not in by_space or app["Status"] in LIVE:
                by_space[key] = app
    for space in spaces:
        name, domain = space["SpaceName"], space["DomainId"]
        app = by_space.get((domain, name.lower()), {})
        app_type = app.get("AppType") or space.get("SpaceSettingsSummary", {}).get("AppType") or APP_TYPES[0]
        owner = space.get("OwnershipSettingsSummary", {}).get("OwnerUserProfileName", "")
        shared = space.get("SpaceSharingSettingsSummary", {}).get("SharingType") == "Shared" or not owner
        names = {"DomainId": domain, "SpaceName": name, "AppType": app_type, "AppName": app.get("AppName", "default")}
        line = NotebookLine(
            name=name,
            owner=f"{'shared' if shared else owner}, {app_type}",
            status=app_status(app.get("Status", "")),
            link=f"{BACK}/spaces/{domain}/{name}",
            use=uses.get((domain, name.lower(), app_type), NotebookUsage()),
            open=opening(domain=domain, space=name, app=app_type),
            acts=(
                Button("Start", OperationCall("sagemaker", "CreateApp", names), f"Starting {name}", back=BACK),
                Button(
                    "Stop",
                    OperationCall("sagemaker", "DeleteApp", names),
                    f"Stopping {name}; its files stay",
                    "ghost",
                    back=BACK,
                ),
            ),
        )
        yield _finished(line, visit.now)


def profiles_of(visit: Visit, apps: list[dict[str, Any]], uses: Uses) -> Iterator[NotebookLine]:
    """Yields the apps of user profiles, which have no space."""
    for app in (one for one in apps if "SpaceName" not in one and one["AppType"] != "Canvas"):
        profile, domain = app["UserProfileName"], app["DomainId"]
        names = {name: app[name] for name in ("DomainId", "UserProfileName", "AppType", "AppName")}
        line = NotebookLine(
            name=profile,
            owner=f"user profile, {app['AppType']}",
            status=app_status(app["Status"]),
            link="",
            use=uses.get((domain, profile.lower(), app["AppType"]), NotebookUsage()),
            open=opening(domain=domain, profile=profile, app=app["AppType"]),
            acts=(
                Button("Start", OperationCall("sagemaker", "CreateApp", names), f"Starting {profile}", back=BACK),
                Button(
                    "Stop", OperationCall("sagemaker", "DeleteApp", names), f"Stopping {profile}", "ghost", back=BACK
                ),
            ),
        )
        yield _finished(line, visit.now)


def instances_of(visit: Visit, instances: list[dict[str, Any]], uses: Uses) -> Iterator[NotebookLine]:
    for one in instances:
        name = one["NotebookInstanceName"]
        asked = {"NotebookInstanceName": name}
        line = NotebookLine(
            name=name,
            owner=f"notebook instance, {one.get('InstanceType', '')}",
            status=one["NotebookInstanceStatus"],
            link=f"{BACK}/instances/{name}",
            use=uses.get(("", name, ""), NotebookUsage()),
            open=opening(instance=name),
            acts=(
                Button(
                    "Start", OperationCall("sagemaker", "StartNotebookInstance", asked), f"Starting {name}", back=BACK
                ),
                Button(
                    "Stop",
                    OperationCall("sagemaker", "StopNotebookInstance", asked),
                    f"Stopping {name}",
                    "ghost",
                    back=BACK,
                ),
            ),
        )
        yield _finished(line, visit.now)


def _finished(line: NotebookLine, now: datetime) -> NotebookLine:
    """Returns a line with the words and the button that its state has."""
    use, status = line.use, line.status
    start, stop = line.acts
    given = {name: getattr(line, name) for name in ("name", "owner", "status", "link", "use")}
    if status == "InService":
        share = 100 * use.memory / use.memory_limit if use.memory_limit else 0.0
        return NotebookLine(
            **given,
            open=line.open,
            acts=(stop,),
            bar=meter([(min(share, 100.0), "b-run")], f"Memory of {line.name}"),
            note=f"{size(use.memory)} of {size(use.memory_limit)}" if use.memory_limit else size(use.memory),
            kernels=_kernels(use, now),
            stops=_stops(use, now),
        )
    if status == "Failed":
        return NotebookLine(**given, note=use.reason, why=line.link, acts=(start,))
    if status in {"Pending", "Updating"}:
        return NotebookLine(
            **given, note=use.reason or "starts", open=line.open, acts=(stop,) if status == "Pending" else ()
        )
    return NotebookLine(**given, note=use.reason, acts=(start,) if status == "Stopped" else ())


def app_status(status: str) -> str:
    return "Stopped" if status in {"", "Deleted"} else "Stopping" if status == "Deleting" else status


def _kernels(use: NotebookUsage, now: datetime) -> str:
    if not use.kernels:
        return "none"
    idle_s = (now.timestamp() * 1000 - use.idle_since_ms) / 1000 if use.idle_since_ms else 0
    state = f"{use.busy} busy" if use.busy else f"idle {duration(idle_s)}" if idle_s > 60 else "idle"
    return f"{use.kernels}, {state}"


def _stops(use: NotebookUsage, now: datetime) -> str:
    if use.busy:
        return "busy"
    if not use.stops_at_ms:
        return "never"
    left_s = use.stops_at_ms / 1000 - now.timestamp()
    return f"in {duration(max(60.0, left_s // 60 * 60))}"


def opening(**given: str) -> str:
    return f"{BACK}/opening?{urlencode(given)}"
