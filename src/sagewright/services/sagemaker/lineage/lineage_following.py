"""Derives lineage from the event log: applies events of jobs, models, packages and endpoints.

A cursor is the position in the log. It moves after the entries read are applied, so a killed server applies some of them again,
which changes nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence

from sqlalchemy.exc import IntegrityError

from sagewright.kinds.serving import ENDPOINT
from sagewright.model.jobs.state_machines import ENDED, STATE_MACHINES
from sagewright.services.context import ANONYMOUS, Context, Platform
from sagewright.services.sagemaker.hosting.models import MODELS
from sagewright.services.sagemaker.lineage import job_lineage, model_lineage
from sagewright.services.sagemaker.lineage.lineage_graphs import Graph, bring_about
from sagewright.services.sagemaker.registry.model_package_rows import KIND as PACKAGE
from sagewright.services.sagemaker.search.indexing import Load
from sagewright.store import events
from sagewright.store.database import Database
from sagewright.store.events import EventCursor, Logged
from sagewright.store.jobs import jobs
from sagewright.store.messages import deliveries
from sagewright.store.resources import resources
from sagewright.store.turns import Turn, turn

log = logging.getLogger("sagewright.services.lineage")
LOG = "lineage"
BATCH = 200
TOGETHER = 25
"""Entries applied in one transaction, which takes a few milliseconds."""
ATTEMPTS = 3
FOLLOWED = frozenset({*job_lineage.KINDS, MODELS.kind, PACKAGE, ENDPOINT})
INDESCRIBABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
Subject = tuple[str, str]


def keep_up(platform: Platform, stopped: Callable[[], bool] = lambda: False) -> None:
    """Applies all new entries until `stopped` returns True, or until another server is applying entries."""
    load = Load()
    while not stopped() and _unread(platform.store, 1)[1]:
        with turn(platform.store, Turn.LINEAGE) as ours:
            if not ours or not _applied(platform, load, stopped):
                return


def _applied(platform: Platform, load: Load, stopped: Callable[[], bool]) -> bool:
    """Applies a batch of entries and moves the cursor past it; returns False if that was interrupted."""
    cursor, entries = _unread(platform.store, BATCH)
    worth = list(_worth(entries))
    for at in range(0, len(worth), TOGETHER):
        if stopped():
            return False
        _follow_all(platform, worth[at : at + TOGETHER])
        time.sleep(load.pause_s())
    return not entries or deliveries.advance(platform.store, LOG, cursor, entries[-1].cursor, ())


def _unread(store: Database, most: int) -> tuple[EventCursor | None, list[Logged]]:
    cursor = deliveries.cursor(store, LOG)
    return cursor, events.after(store, cursor or EventCursor(), most)


def _worth(entries: list[Logged]) -> Iterator[Logged]:
    """Yields the last entry of each followed subject, and all entries of packages, since each can be an approval. Of jobs, yields
    the entries for their start and end."""
    listed = [entry for entry in entries if entry.subject.kind in FOLLOWED and _tells(entry)]
    last = {entry.subject: entry for entry in listed}
    for entry in listed:
        if entry.subject.kind == PACKAGE or last[entry.subject] is entry:
            yield entry


def _tells(logged: Logged) -> bool:
    if logged.subject.kind not in job_lineage.KINDS:
        return True
    return logged.entry.step == STATE_MACHINES[logged.subject.kind].first or logged.entry.status in ENDED


def _follow_all(platform: Platform, entries: Sequence[Logged]) -> None:
    """Applies entries together, or one by one if that fails."""
    try:
        graphs = [graph for entry in entries if (graph := _graph(platform, entry)) is not None]
        bring_about(platform.store, graphs)
    except (IntegrityError, *INDESCRIBABLE):
        for entry in entries:
            _follow(platform, entry)


def _follow(platform: Platform, entry: Logged) -> None:
    """Applies one entry. An entry that can't be described is skipped, because it would block all later ones."""
    for attempt in range(ATTEMPTS):
        try:
            graph = _graph(platform, entry)
            if graph is not None:
                bring_about(platform.store, [graph])
            return
        except IntegrityError:  # another server is creating the same
            if attempt == ATTEMPTS - 1:
                raise
        except INDESCRIBABLE:
            log.exception("%s is not in lineage", entry.subject)
            return


def _graph(platform: Platform, entry: Logged) -> Graph | None:
    """Returns None if the subject was deleted, or if a later entry says more."""
    kind, id_ = entry.subject.kind, entry.subject.id
    if kind in job_lineage.KINDS:
        job = jobs.get(platform.store, id_)
        if job is not None and job.ended and entry.entry.status not in ENDED:
            return None  # the entry of its end follows
        return None if job is None else job_lineage.of_job(_context(platform, job.account, job.region), job)
    row = resources.get(platform.store, id_)
    if row is None:
        return None
    context = _context(platform, row.account, row.region)
    if kind == PACKAGE:
        return model_lineage.of_package(context, row, entry.entry)
    return (model_lineage.of_model if kind == MODELS.kind else model_lineage.of_endpoint)(context, row)


def _context(platform: Platform, account: str, region: str) -> Context:
    return Context("", account, region, ANONYMOUS, platform)
