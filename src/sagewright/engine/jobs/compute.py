"""Where jobs run: the backend, the shares of its machines, and the builds of environments."""

from __future__ import annotations

from dataclasses import dataclass

from sagewright.compute.backend import Backend
from sagewright.engine.jobs.environment_builds import EnvironmentBuilds
from sagewright.engine.jobs.reservations import Reservations


@dataclass(frozen=True)
class JobCompute:
    """`builds`: builds the environments that queued jobs lack; None where only the hosts' machines can build them."""

    backend: Backend
    reservations: Reservations
    builds: EnvironmentBuilds | None = None
