"""Why a job waits in the queue, for disk space or for its environment, as one sentence in its status message; progress of its
environment in its log as well.

The queue says it for the first jobs that don't fit and have waited for SAID_AFTER_MS, and again when the sentence has changed; jobs
that start at once cost nothing more.
"""

from __future__ import annotations

from sagewright.compute.capacity import JobShare
from sagewright.engine.jobs.launch_plan import first_host, kind_of, log_stream
from sagewright.engine.jobs.reservations import Reservations
from sagewright.model.aws.instance_types import Resources
from sagewright.model.clock import now_ms
from sagewright.model.disk_room import DiskRoom
from sagewright.model.jobs.state_machines import SecondaryStatus
from sagewright.model.settings import Settings
from sagewright.store.database import Database
from sagewright.store.jobs import job_lists, jobs, reservations
from sagewright.store.jobs.jobs import Event, Job
from sagewright.store.jobs.reservations import Reservation
from sagewright.store.logs import logs

SAID_AFTER_MS = 1_500
"""Wait after which a job says why: a shorter one needs no explanation, and no write."""
MOST_SAID = 8
"""Maximum number of jobs of one pass over the queue that say why they wait."""
SAID_EVERY_MS = 1_000
_NAMED = 3
QUEUED = "Queued: "
WAITS = "Waiting for disk space"
PREPARING = "Preparing the environment"


def lacks_disk(settings: Settings) -> str:
    """Returns why no host can be launched here now, or "" if one can. Hosts on other machines have their own disks."""
    if settings.backend != "local":
        return ""
    room = DiskRoom.of(settings.data)
    floor = room.host_floor(settings.disk_stop_mb)
    if room.free >= floor:
        return ""
    return f"the disk of {settings.data} has {room.free} bytes free, and jobs start from {floor} on (setting disk_stop_mb)."


def say_queued(store: Database, held: Reservations, job: Job, share: JobShare) -> None:
    """Puts the reason into the status message of a job that has waited for a while."""
    if now_ms() - job.modified_ms >= SAID_AFTER_MS:
        say(store, job, queued_reason(store, held, share))


def say(store: Database, job: Job, text: str) -> None:
    """Puts a sentence into the status message of a job that waits, unless it is there."""
    if not any(event.message == text for event in jobs.transitions(store, job.id)[-1:]):
        jobs.move(store, job.id, Event(SecondaryStatus(job.secondary_status), text))


def queued_reason(store: Database, held: Reservations, share: JobShare) -> str:
    """Returns the sentence for the status message."""
    short = shortage(store, held.machines.together(), reservations.on(store, held.machine), share)
    return f"{QUEUED}{short or 'jobs before this one wait for the machine'}."


def shortage(store: Database, machine: Resources, others: list[Reservation], share: JobShare) -> str:
    """Returns each resource that is short, how much of it is held, and the jobs that hold it; "" if none is. `others`: the shares
    that are held."""
    needed = share.total
    counted = (
        ("CPUs", needed.cpus, sum(one.cpus for one in others), machine.cpus),
        ("GiB of memory", needed.memory_gb, sum(one.memory_gb for one in others), machine.memory_gb),
        ("GPUs", needed.gpus, sum(one.gpus for one in others), machine.gpus),
    )
    short = [one for one in counted if one[1] + one[2] > one[3]]
    if not short:
        return ""
    needs = " and ".join(f"{need:g} {noun}" for noun, need, _, _ in short)
    taken = " and ".join(f"{used:g} of {whole:g} {noun}" for noun, _, used, whole in short)
    return f"needs {needs}; {taken} are held by {_names(store, [one.job_id for one in others])}"


def _names(store: Database, ids: list[str]) -> str:
    """Names the first holders. A warm pool's job has ended, but keeps its share."""
    found = [
        one.name if not one.ended else f"the warm pool of {one.name}" for one in job_lists.several(store, ids[:_NAMED])
    ]
    more = f" and {len(ids) - len(found)} more" if len(ids) > len(found) else ""
    return f"{', '.join(found) or 'other jobs'}{more}"


def say_preparing(store: Database, job: Job, environment: str, progress: str) -> bool:
    """Puts the build's progress into the status message, and into the log of the job's first host, which continues that stream.

    Returns False if nothing is new. `progress`: what the build is doing, "" to name the environment alone.
    """
    text = f"{PREPARING} {environment}; it is kept for later jobs."
    before = next((event.message for event in jobs.transitions(store, job.id)[-1:]), "")
    message = f"{text} {progress}." if progress else text
    if message == before or (not progress and before.startswith(text)):
        return False
    lines = [] if before.startswith(text) else [text]
    if progress:
        lines.append(f"{progress}.")
    with store.write() as connection:
        if jobs.move_in(connection, job.id, Event(SecondaryStatus.STARTING, message)) is None:
            return False
        scope = logs.LogScope(job.account, job.region)
        stream = logs.ensure_stream(
            connection, scope, kind_of(job).log_group_of(job.request), log_stream(job, first_host(job))
        )
        logs.append(connection, stream, [(now_ms(), line) for line in lines])
    return True
