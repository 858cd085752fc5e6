"""Updates the index of properties: describes queued subjects as their Describe would, and projects the documents."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from sagewright.services.context import ANONYMOUS, Context, Platform
from sagewright.services.sagemaker.resources import catalogue
from sagewright.services.sagemaker.resources.catalogue import ResourceRow, SearchableKind, Searched
from sagewright.services.sagemaker.resources.properties import properties
from sagewright.store.database import Database
from sagewright.store.resources import properties as index
from sagewright.store.resources import trials
from sagewright.store.resources.properties import IndexedSubject, QueueRow, Ref
from sagewright.store.turns import Turn, turn

log = logging.getLogger("sagewright.services.indexing")
BATCH = 50
AHEAD = 8
"""Maximum number of queue rows read per indexed subject: a subject that changed several times is indexed once."""
BUSY = 0.3  # of a CPU, by all other threads
PAUSE_S = 0.005  # lets other writers take their turn


def keep_up(platform: Platform, stopped: Callable[[], bool] = lambda: False) -> int:
    """Indexes all queued rows until `stopped` returns True; returns the number of rows."""
    total, load = 0, Load()
    while not stopped() and (taken := take_in(platform, BATCH)):
        total += taken
        if taken >= BATCH:
            time.sleep(load.pause_s())
    return total


class Load:
    """Load of the rest of the process. Indexing gets a tenth of the time while requests keep the process busy, and most of it
    otherwise."""

    def __init__(self) -> None:
        self._before = self._now()

    def pause_s(self) -> float:
        """Returns the time to wait after this thread's work since the last call."""
        wall, own, all_ = self._now()
        took, mine, every = wall - self._before[0], own - self._before[1], all_ - self._before[2]
        pause = 9 * mine if every - mine > BUSY * took else PAUSE_S
        self._before = wall, own, all_
        return pause

    @staticmethod
    def _now() -> tuple[float, float, float]:
        return time.monotonic(), time.thread_time(), time.process_time()


def take_in(platform: Platform, most: int, wait_s: float = -1) -> int:
    """Indexes the first `most` subjects of the queue; returns the number of rows taken off, 0 if another writer is indexing for
    longer than `wait_s`."""
    store = platform.store
    if not index.waiting(store, 1):
        return 0
    # values read earlier must not overwrite those that another server has read since
    with turn(store, Turn.INDEX, wait_s) as ours:
        rows = index.waiting(store, most * AHEAD) if ours else []
        return _take(platform, _first(rows, most), rows) if rows else 0


def _first(rows: Sequence[QueueRow], most: int) -> list[Ref]:
    """Returns the first `most` subjects of rows, each once."""
    return list(islice(dict.fromkeys(ref for _, ref in rows), most))


def _take(platform: Platform, refs: Sequence[Ref], rows: Sequence[QueueRow]) -> int:
    """Indexes subjects and takes the `rows` of theirs off the queue; returns their number. A subject that can't be described is
    skipped, because it would block all later ones.

    `rows` were read before the subjects are: what they stand for is part of the descriptions.
    """
    try:
        found = dict.fromkeys(_resolved(platform.store, refs))
        subjects, gone = _described(platform, found)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        if len(refs) > 1:
            return sum(_take(platform, [ref], [row for row in rows if row[1] == ref]) for ref in refs)
        log.exception("%s is not indexed", refs[0])
        found, subjects, gone = {}, [], []
    done = {*refs, *found}
    taken = [number for number, ref in rows if ref in done]
    index.project(platform.store, taken, subjects, gone)
    return len(taken)


def _described(platform: Platform, refs: Iterable[Ref]) -> tuple[list[IndexedSubject], list[Ref]]:
    """Returns the subjects of existing rows for the index, and the `refs` of rows that no longer exist."""
    by_source: dict[str, list[str]] = defaultdict(list)
    for source, ref in refs:
        by_source[source].append(ref)
    subjects: list[IndexedSubject] = []
    gone: list[Ref] = []
    for source, ids in by_source.items():
        rows = catalogue.SOURCES[source].several(platform.store, ids)
        gone += [(source, ref) for ref in set(ids) - {row.id for row in rows}]
        by_place: dict[tuple[str, str, str], list[ResourceRow]] = defaultdict(list)
        for row in rows:
            by_place[row.kind, row.account, row.region].append(row)
        for (name, account, region), own in by_place.items():
            kind = catalogue.of_kind(name)
            if kind is not None and kind.searched is not None:
                context = Context("", account, region, ANONYMOUS, platform)
                subjects += _subjects(context, kind, kind.searched, own)
    order = {ref: at for at, ref in enumerate(ref for ids in by_source.values() for ref in ids)}
    return sorted(subjects, key=lambda subject: order[subject.ref[1]]), gone


def _subjects(
    context: Context, kind: SearchableKind, shown: Searched, rows: Sequence[ResourceRow]
) -> list[IndexedSubject]:
    scope = kind.scope(context.account, context.region)
    return [
        IndexedSubject((kind.rows.source, row.id), scope, shown.name_member, row.name, properties(document))
        for row, document in zip(rows, shown.documents(context, rows), strict=True)
    ]


def _resolved(store: Database, refs: Iterable[Ref]) -> list[Ref]:
    """Replaces references to changed tags with the row that has the ARN, and adds the trial components of jobs: those that are in
    the index, since the others are in the queue themselves."""
    found: list[Ref] = []
    refs = list(refs)
    if of_jobs := [ref for source, ref in refs if source == catalogue.JOBS.source]:
        components = [(catalogue.RESOURCES.source, one) for one in trials.of_jobs(store, of_jobs)]
        found += index.indexed(store, components)
    for source, ref in refs:
        if source != "tags":
            found.append((source, ref))
        elif named := catalogue.of_arn(ref):
            kind, scope, name = named
            if row := kind.rows.find(store, scope, name):
                found.append((kind.rows.source, row.id))
    return found
