"""Members of tuning jobs' stored documents that are not of the request."""

from __future__ import annotations

from dataclasses import dataclass

from sagewright.model.members import TypedDocument, member


@dataclass(frozen=True, kw_only=True)
class TuningDocument(TypedDocument):
    """`seed`: for a request without one; `stop_ms`: when its stop was requested."""

    seed: int = member("Seed")
    stop_ms: int = member("StopMs", 0)
    converged_ms: int | None = member("ConvergedMs", None)
