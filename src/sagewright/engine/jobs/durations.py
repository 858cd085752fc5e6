"""Run time of a job's hosts, from its event log. Interrupted attempts count; the waits between them do not."""

from __future__ import annotations

from collections.abc import Sequence

from sagewright.model.jobs.state_machines import SecondaryStatus
from sagewright.store.events import EventEntry

_BEGINS = frozenset({SecondaryStatus.DOWNLOADING, SecondaryStatus.RUNNING})
_ENDS = frozenset({SecondaryStatus.INTERRUPTED, SecondaryStatus.RESTARTING})


def run_ms(log: Sequence[EventEntry], until_ms: int) -> int:
    """Returns the milliseconds during which the job had running hosts, up to `until_ms` (now, or the job's end)."""
    total, since = 0, None
    for event in log:
        if since is None and event.step in _BEGINS:
            since = event.at_ms
        elif since is not None and event.step in _ENDS:
            total, since = total + max(0, event.at_ms - since), None
    return total if since is None else total + max(0, until_ms - since)


def running_since_ms(log: Sequence[EventEntry]) -> int | None:
    """Returns when the process of the current attempt started; None if it has not started yet."""
    since = None
    for event in log:
        if event.step == SecondaryStatus.RUNNING:
            since = event.at_ms if since is None else since
        elif event.step in _ENDS:
            since = None
    return since
