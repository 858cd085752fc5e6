"""Jobs by a part of their name, through the index of runs of three characters, which Search keeps."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, func, select

from sagewright.store.database import Database
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import Comparison, Condition, PageRequest
from sagewright.store.prepared import PreparedStatement
from sagewright.store.resources.properties import GRAM, grams
from sagewright.store.schema.jobs import jobs
from sagewright.store.schema.properties import index_grams, index_paths, index_queue, index_subjects

FEW = 1000
"""Maximum number of matching jobs that the index is used for. A part of more names is found sooner by walking along the order."""
MOST_GRAMS = 8
_G, _S = index_grams.c, index_subjects.c
_PATH = PreparedStatement(
    select(index_paths.c.id).where(index_paths.c.scope == bindparam("of"), index_paths.c.nature == "name")
)
_RUN = select(_G.subject).where(_G.path == bindparam("at"), _G.gram == bindparam("run"))
_COUNT = PreparedStatement(select(func.count()).select_from(_RUN.limit(FEW + 1).subquery()))
_NAMED = PreparedStatement(
    select(_S.ref, _S.folded)
    .join_from(index_grams, index_subjects, _S.id == _G.subject)
    .where(_G.path == bindparam("at"), _G.gram == bindparam("run"))
)
_WAITING = PreparedStatement(select(index_queue.c.ref).where(index_queue.c.source == jobs.name).limit(FEW + 1))


def few_named(store: Database, scope: ResourceScope, requested: PageRequest) -> tuple[Condition, ...] | None:
    """Returns conditions that lead to the few jobs of the scope whose names contain the requested part, and that a list of them
    needs in place of the scope; None if the scope leads to them as well or better."""
    part = next(
        (one.value for one in requested.bounds if (one.column, one.test) == ("name", Comparison.CONTAINS)), None
    )
    ids = None if part is None else _ids(store, scope, part.lower())
    if ids is None:
        return None
    own = ((jobs.c.kind, scope.kind), (jobs.c.account, scope.account), (jobs.c.region, scope.region))
    # as the result of a function, or SQLite would walk along the scope's index
    return (jobs.c.id.in_(ids), *(func.coalesce(column, "") == value for column, value in own))


def _ids(store: Database, scope: ResourceScope, folded: str) -> list[str] | None:
    """Returns the ids of jobs whose folded names may contain a text; None if there are many, or if that is not known.

    What waits for the index is read first: a job that is indexed in between is found twice rather than not at all.
    """
    if len(folded) < GRAM:
        return None
    with store.read() as connection:
        waiting = [row[0] for row in _WAITING.all(connection, {})]
        if len(waiting) > FEW:
            return None
        path = _PATH.first(connection, {"of": f"{scope.kind}/{scope.account}/{scope.region}"})
        if path is None:  # no job of this kind is indexed: Search does not know all kinds
            return None
        every = grams(folded)
        counts = [
            (_number(_COUNT.first(connection, {"at": path[0], "run": run})), run)
            for run in every[:: max(1, len(every) // MOST_GRAMS)]
        ]
        count, rarest = min(counts)
        if count > FEW:
            return None
        named = _NAMED.all(connection, {"at": path[0], "run": rarest}) if count else ()
    return list(dict.fromkeys([*waiting, *(ref for ref, name in named if folded in name)]))


def _number(row: Sequence[int] | None) -> int:
    return row[0] if row else 0
