"""The way into a notebook: a page that starts it, waits for it, and opens it."""

from __future__ import annotations

from dataclasses import dataclass

from sagewright.model.errors import AwsError
from sagewright.studio.pages.prepare.notebook_lines import APP_TYPES, app_status, opening
from sagewright.studio.visit import Done, Visit, form, page


@dataclass(frozen=True)
class OpeningView:
    """A notebook on its way to be opened. `again`: the page loads itself again."""

    name: str
    status: str
    reason: str
    again: bool
    fields: tuple[tuple[str, str], ...] = ()


NAMES = ("domain", "space", "profile", "instance", "app", "path")


@page("/notebooks/opening", "opening.html", "notebooks")
def open_notebook(visit: Visit) -> OpeningView | Done:
    """Opens a notebook that runs, waits for one that starts, and offers to start any other."""
    asked = {name: visit.query[name][:1024] for name in NAMES if visit.query.get(name)}
    status, reason = _state(visit, asked)
    name = asked.get("space") or asked.get("profile") or asked.get("instance", "")
    if status == "InService":
        return Done("", _url(visit, asked))
    return OpeningView(
        name, status, reason, status in {"Pending", "Deleting", "Stopping", "Updating"}, tuple(asked.items())
    )


@form("/notebooks/start")
def start_notebook(visit: Visit, fields: dict[str, str]) -> Done:
    """Starts a notebook, and waits for it on the page that opens it."""
    asked = {name: fields[name] for name in NAMES if fields.get(name)}
    try:
        if "instance" in asked:
            visit.client.sagemaker("StartNotebookInstance", NotebookInstanceName=asked["instance"])
        else:
            visit.client.sagemaker("CreateApp", **_app(asked))
    except AwsError as error:
        if error.code != "ResourceInUse":  # another visitor was first
            raise
    return Done("", opening(**asked))


def _app(asked: dict[str, str]) -> dict[str, str]:
    owner = {"SpaceName": asked["space"]} if "space" in asked else {"UserProfileName": asked.get("profile", "")}
    return {
        "DomainId": asked.get("domain", ""),
        **owner,
        "AppType": asked.get("app", APP_TYPES[0]),
        "AppName": "default",
    }


def _state(visit: Visit, asked: dict[str, str]) -> tuple[str, str]:
    """Returns the status of the app to open, "Stopped" if it does not exist, and the reason of a failure. Raises
    AwsError."""
    client = visit.client
    if "instance" in asked:
        found = client.sagemaker("DescribeNotebookInstance", NotebookInstanceName=asked["instance"])
        return str(found["NotebookInstanceStatus"]), str(found.get("FailureReason", ""))
    if "space" in asked:
        client.aside("sagemaker", "DescribeSpace", DomainId=asked.get("domain", ""), SpaceName=asked["space"])
    try:
        found = client.sagemaker("DescribeApp", **_app(asked))
    except AwsError as error:
        if error.code != "ResourceNotFound":
            raise
        return "Stopped", ""
    return app_status(found["Status"]) if found["Status"] != "Deleting" else "Deleting", str(
        found.get("FailureReason", "")
    )


def _url(visit: Visit, asked: dict[str, str]) -> str:
    base = visit.place.url
    if "instance" in asked:
        return visit.client.sign_in_url(
            base, "CreatePresignedNotebookInstanceUrl", NotebookInstanceName=asked["instance"]
        )
    landing = f"app:{asked.get('app', APP_TYPES[0])}:{asked.get('path', '').lstrip('/')}"
    request = {"DomainId": asked.get("domain", ""), "LandingUri": landing}
    if "space" in asked:
        space = visit.client.aside("sagemaker", "DescribeSpace", DomainId=request["DomainId"], SpaceName=asked["space"])
        private = (space.get("SpaceSharingSettings") or {}).get("SharingType") == "Private"
        owner = (space.get("OwnershipSettings") or {}).get("OwnerUserProfileName", "default")
        request |= {"SpaceName": asked["space"], "UserProfileName": owner if private else "default"}
    else:
        request["UserProfileName"] = asked.get("profile", "")
    return visit.client.sign_in_url(base, "CreatePresignedDomainUrl", **request)
