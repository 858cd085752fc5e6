"""Stored documents of MLflow tracking servers: the desired state and the current start."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sagewright.model.members import TypedDocument, member

ON, OFF, GONE = "on", "off", "gone"
"""Desired states in a document."""


@dataclass(frozen=True, kw_only=True)
class Start(TypedDocument):
    """One start: its number, and whether its job should end. `failures`: consecutive starts that never answered."""

    number: int = member("number", 1)
    ending: bool = member("ending", False)
    failures: int = member("failures", 0)
    due_ms: int = member("due_ms", 0)


@dataclass(frozen=True, kw_only=True)
class TrackingDocument(TypedDocument):
    """`directory`: of the host that answers, "" for none; `running`: the version that last answered; `version`: the requested
    one."""

    desired: str = member("Wanted")
    start: Start = member("Start", of=Start)
    directory: str = member("Directory", "")
    running: str = member("Running", "")
    reason: str = member("FailureReason", "")
    version: str = member("MlflowVersion", "")

    def with_desired(self, desired: str) -> TrackingDocument:
        """Returns the document with another desired state: a running program ends first, and the next start counts as new."""
        return replace(self, desired=desired, start=replace(self.start, ending=True, failures=0, due_ms=0))


def with_desired(document: dict[str, Any], desired: str) -> dict[str, Any]:
    """Returns the stored document with another desired state."""
    return TrackingDocument.read(document).with_desired(desired).write(document)
