"""The dependencies that all reconcilers share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sagewright.engine.calls import Call
from sagewright.model.settings import Settings
from sagewright.objects.access import ObjectStore
from sagewright.store.database import Database
from sagewright.store.jobs.jobs import Job

Wake = Callable[[str, str], None]
WakeAfter = Callable[[float, str, str], None]
May = Callable[[str, str, str], bool]
Locate = Callable[[Job, str, str], str]


def _anything(_principal: str, _action: str, _resource: str) -> bool:
    return True


def _nowhere(_job: Job, _role_arn: str, _uri: str) -> str:
    return ""


@dataclass(frozen=True)
class Dependencies:
    """First argument of every reconciler; arguments that only one wing needs follow it.

    `call`: calls operations; `owner`: this server's name, which survives a restart and under which it claims leases, deliveries
    and invocations. `wake(kind, id)` schedules a reconcile of a subject now; `wake_after(seconds, kind, id)` schedules one
    later.
    `endpoint()`: the address at which agents reach this server; `servers()`: all servers that share its store (if several).
    `may(principal, action, resource)`: False if the principal's policies refuse what the engine would do for it by no operation.
    `locate(job, role, uri)`: the file of an object in the embedded store that the job's role may read now, "" if there is none.
    """

    settings: Settings
    store: Database
    objects: ObjectStore
    call: Call
    owner: str
    wake: Wake
    wake_after: WakeAfter
    endpoint: Callable[[], str]
    servers: Callable[[], list[str]] = list
    may: May = _anything
    locate: Locate = _nowhere
