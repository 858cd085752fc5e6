"""Finished invocations of functions: each is kept for a while for its caller, then deleted."""

from __future__ import annotations

import time

from sagewright.engine.dependencies import Dependencies
from sagewright.model.clock import now_ms
from sagewright.model.jobs.state_machines import FUNCTION
from sagewright.store.jobs import jobs

KIND = "invocations"
LOOK_S = 15.0
KEPT_MS = {"invoke-": 120_000, "pipelines-": 30 * 86_400_000}
"""Retention by name prefix. A pipeline execution reads its answer when it gets to it, even after a restart."""
AT_ONCE = 200


class FunctionInvocationReconciler:
    """See engine.control.Reconciler. Handles all regions."""

    kinds: tuple[str, ...] = (KIND,)

    def __init__(self, dependencies: Dependencies) -> None:
        self._store, self._due = dependencies.store, 0.0

    def active(self) -> list[tuple[str, str]]:
        return [(KIND, "")] if time.monotonic() >= self._due else []

    def reconcile(self, _subject_id: str) -> None:
        self._due = time.monotonic() + LOOK_S
        for prefix, kept_ms in KEPT_MS.items():
            if jobs.remove_ended(self._store, FUNCTION.kind, prefix, now_ms() - kept_ms, AT_ONCE) == AT_ONCE:
                self._due = 0.0
