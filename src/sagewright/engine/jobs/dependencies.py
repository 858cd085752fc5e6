"""The dependencies of the job reconcilers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sagewright.compute.backend import Backend
from sagewright.engine.jobs.environment_builds import EnvironmentBuilds
from sagewright.engine.jobs.launch_plan import LaunchContext
from sagewright.engine.jobs.reservations import Reservations
from sagewright.model.settings import Settings
from sagewright.store.database import Database


@dataclass(frozen=True)
class JobDependencies:
    """`wake(kind, id)` schedules a reconcile of a subject now; `wake_after(seconds, kind, id)` schedules one later.

    `builds`: builds the environments that queued jobs lack; None where only the hosts' machines can build them.
    """

    launch_context: LaunchContext
    backend: Backend
    reservations: Reservations
    wake: Callable[[str, str], None]
    wake_after: Callable[[float, str, str], None]
    builds: EnvironmentBuilds | None = None

    @property
    def settings(self) -> Settings:
        return self.launch_context.settings

    @property
    def store(self) -> Database:
        return self.launch_context.store
