"""Sources of spot interruptions on one machine: other jobs that need it, or a schedule that tests resuming.

Source of the life cycle: AWS's developer guide, "Managed Spot Training in Amazon SageMaker AI".
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sagewright.compute.capacity import JobShare
from sagewright.engine.jobs.reservations import Reservations
from sagewright.kinds.base import Demand
from sagewright.model.jobs.interruptions import InterruptionSchedule, parse
from sagewright.model.jobs.state_machines import SecondaryStatus
from sagewright.model.settings import Settings
from sagewright.store.jobs.jobs import DesiredState, Job

_RUNNING = frozenset({SecondaryStatus.STARTING, SecondaryStatus.DOWNLOADING, SecondaryStatus.RUNNING})


@dataclass(frozen=True)
class SpotRoom:
    """The running spot jobs to interrupt for a job to fit; `found` is False if even all of them are not enough."""

    found: bool
    jobs: list[Job] = field(default_factory=list)


def schedule_of(settings: Settings, demand: Demand) -> InterruptionSchedule:
    """Returns the job's schedule, or the one of the settings. Raises BadSchedule."""
    own = demand.interruptions
    return parse(settings.spot_interruptions if own is None else own)


def make_room(reservations: Reservations, share: JobShare, running: list[Job]) -> SpotRoom:
    """Selects the `running` spot jobs to interrupt for `share`: the newest, and no more than needed.

    Jobs that are already being interrupted count first; a job that uploads its model is allowed to finish.
    """
    going = [job for job in running if job.desired == DesiredState.INTERRUPT]
    others = [job for job in running if job.desired == DesiredState.RUN and job.secondary_status in _RUNNING]
    freed = {job.id for job in going}
    chosen: list[Job] = []
    while not reservations.fits_without(share, freed):
        if not others:
            return SpotRoom(found=False)
        chosen.append(others.pop(0))
        freed.add(chosen[-1].id)
    return SpotRoom(found=True, jobs=chosen)
