"""Stored documents of apps and notebook instances: the desired state, the current start, and how the program is launched."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sagewright.model.members import TypedDocument, member

ON, OFF, GONE = "on", "off", "gone"
"""Desired states in a document."""


@dataclass(frozen=True, kw_only=True)
class AppStart(TypedDocument):
    """One start: its number, and whether its job should end. `failures`: consecutive starts that never answered."""

    number: int = member("number", 1)
    ending: bool = member("ending", False)
    failures: int = member("failures", 0)
    due_ms: int = member("due_ms", 0)


@dataclass(frozen=True, kw_only=True)
class AppDocument(TypedDocument):
    """`directory`: of the host that answers, "" for none; `launch`: the job's request, without the members that each start
    adds; `idle_s`: seconds without activity after which it is shut down, 0 for never; `activity_ms` and `health_ms`: times of
    the last use and of the last answer, 0 for none; `since_ms`: since when it answers; `ended_ms`: when an app was deleted."""

    desired: str = member("Wanted", ON)
    start: AppStart = member("Start", AppStart, of=AppStart)
    directory: str = member("Directory", "")
    reason: str = member("FailureReason", "")
    launch: dict[str, Any] = member("Launch", dict)
    home: str = member("Home", "")
    idle_s: float = member("IdleSeconds", 0.0)
    activity_ms: int = member("ActivityMs", 0)
    health_ms: int = member("HealthMs", 0)
    since_ms: int = member("SinceMs", 0)
    ended_ms: int = member("EndedMs", 0)

    def with_desired(self, desired: str) -> AppDocument:
        """Returns the document with another desired state: a running program ends first, and the next start counts as new."""
        return replace(self, desired=desired, start=replace(self.start, ending=True, failures=0, due_ms=0))


def with_desired(document: dict[str, Any], desired: str) -> dict[str, Any]:
    """Returns the stored document with another desired state."""
    return AppDocument.read(document).with_desired(desired).write(document)


@dataclass(frozen=True, kw_only=True)
class AppIdentity(TypedDocument):
    """Names of an app, as they were given."""

    domain: str = member("DomainId", "")
    app_type: str = member("AppType", "")
    name: str = member("AppName", "")
    profile: str = member("UserProfileName", "")
    space: str = member("SpaceName", "")
    space_id: str = member("SpaceId", "")

    @property
    def owner(self) -> str:
        return self.space or self.profile


INTERNAL = frozenset(
    {
        "Wanted",
        "Start",
        "Directory",
        "Launch",
        "Home",
        "IdleSeconds",
        "ActivityMs",
        "HealthMs",
        "SinceMs",
        "EndedMs",
        "SpaceId",
    }
)
"""Members of stored documents that no client gets."""
