"""Spaces and their JupyterLab, by the operations of a running server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

PROFILE = "default"
APP_TYPE, APP_NAME = "JupyterLab", "default"
LOOK_S, SAY_S = 0.1, 5.0
LIVE = frozenset({"Pending", "InService"})
LOG_GROUP = "/aws/sagemaker/studio"


class NotebookUnavailable(Exception):
    """The notebook can't be opened; the message says why."""


@dataclass(frozen=True)
class ListedSpace:
    """A space of the server's own domain. `status`: that of its app, "" if it has none."""

    name: str
    status: str
    reason: str
    owner: str


class Spaces:
    """`sagemaker`: a client. Errors are botocore's."""

    def __init__(self, sagemaker: Any) -> None:
        self._sagemaker = sagemaker
        self.domain = str(sagemaker.list_domains()["Domains"][0]["DomainId"])

    def all(self) -> Iterator[ListedSpace]:
        for page in self._sagemaker.get_paginator("list_spaces").paginate(DomainIdEquals=self.domain):
            for one in page["Spaces"]:
                name = one["SpaceName"]
                app = self._app(name)
                owner = one.get("OwnershipSettingsSummary", {}).get("OwnerUserProfileName", "")
                yield ListedSpace(name, app.get("Status", ""), app.get("FailureReason", ""), owner)

    def ensure(self, name: str, instance_type: str) -> str:
        """Creates the space if it is missing, and starts its JupyterLab unless it runs. Returns the app's status."""
        if self._space(name) is None:
            self._sagemaker.create_space(
                DomainId=self.domain,
                SpaceName=name,
                SpaceSettings={"AppType": APP_TYPE},
                OwnershipSettings={"OwnerUserProfileName": PROFILE},
                SpaceSharingSettings={"SharingType": "Private"},
            )
        status = str(self._app(name).get("Status", ""))
        if status not in LIVE:
            if status == "Deleting":
                self._left(name)
            spec = {"ResourceSpec": {"InstanceType": instance_type}} if instance_type else {}
            self._sagemaker.create_app(**self._names(name), **spec)
        return status

    def wait(self, name: str, timeout_s: float, say: Callable[[str], None]) -> None:
        """Waits until the app answers, and reports what it waits for. Raises NotebookUnavailable."""
        until, said_s = time.monotonic() + timeout_s, time.monotonic()
        while True:
            app = self._app(name)
            status = app.get("Status", "")
            if status == "InService":
                return
            if status != "Pending":
                raise NotebookUnavailable(
                    f"The space {name} did not start: {app.get('FailureReason') or status or 'it is gone'}"
                )
            if time.monotonic() > until:
                raise NotebookUnavailable(
                    f"The space {name} did not answer within {timeout_s:g} s; its log group is {LOG_GROUP}."
                )
            if time.monotonic() - said_s > SAY_S:
                said_s = time.monotonic()
                say(f"JupyterLab of {name} is starting; the first start builds its environment.")
            time.sleep(LOOK_S)

    def url(self, name: str) -> str:
        """Returns a URL that opens the notebook once."""
        found = self._sagemaker.create_presigned_domain_url(
            DomainId=self.domain, UserProfileName=self._owner(name), SpaceName=name, LandingUri=f"app:{APP_TYPE}:"
        )
        return str(found["AuthorizedUrl"])

    def stop(self, name: str) -> bool:
        """Stops the app; its home stays. Returns False if it does not run."""
        if self._app(name).get("Status") not in LIVE:
            return False
        self._sagemaker.delete_app(**self._names(name))
        return True

    def _left(self, name: str) -> None:
        until = time.monotonic() + 60
        while self._app(name).get("Status") == "Deleting" and time.monotonic() < until:
            time.sleep(LOOK_S)

    def _space(self, name: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._sagemaker.describe_space(DomainId=self.domain, SpaceName=name)
        except self._sagemaker.exceptions.ClientError as error:
            if (
                "RecordNotFound" in error.response["Error"]["Message"]
                or error.response["Error"]["Code"] == "ResourceNotFound"
            ):
                return None
            raise
        return found

    def _owner(self, name: str) -> str:
        space = self._space(name) or {}
        return str(space.get("OwnershipSettings", {}).get("OwnerUserProfileName", PROFILE))

    def _app(self, name: str) -> dict[str, Any]:
        """Returns the description of the space's app, {} if it has none."""
        try:
            found: dict[str, Any] = self._sagemaker.describe_app(**self._names(name))
        except self._sagemaker.exceptions.ResourceNotFound:
            return {}
        return found

    def _names(self, name: str) -> dict[str, str]:
        return {"DomainId": self.domain, "SpaceName": name, "AppType": APP_TYPE, "AppName": APP_NAME}
