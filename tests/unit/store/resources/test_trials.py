"""Which components belong to which trials, and which jobs have none."""

from __future__ import annotations

import pytest

from sagewright.store.database import Database
from sagewright.store.jobs import jobs
from sagewright.store.jobs.jobs import JobDraft, ResourceScope
from sagewright.store.resources import resources, trials
from sagewright.store.resources.resources import New


def made(store: Database, kind: str, name: str, parent: str = "") -> str:
    return resources.create(store, ResourceScope(kind, "0", "r"), New(name, {}, "", {}, parent=parent)).id


def test_associations_go_both_ways(database: Database) -> None:
    first, second = (made(database, "trial", name) for name in ("t1", "t2"))
    one, two = (made(database, trials.COMPONENT, name) for name in ("c1", "c2"))
    with database.write() as connection:
        for trial, component in ((first, one), (second, one), (second, two), (first, one)):
            trials.associate_in(connection, trial, component)
    assert {key: sorted(own) for key, own in trials.trials_of(database, [one, two]).items()} == {
        one: sorted([first, second]),
        two: [second],
    }
    assert sorted(trials.components_of(database, [second])[second]) == sorted([one, two])
    with database.write() as connection:
        assert trials.has_trials_in(connection, one)
        assert trials.dissociate_in(connection, first, one)
        assert not trials.dissociate_in(connection, first, one)
        assert not trials.has_components_in(connection, first)


@pytest.mark.parametrize("kind", [trials.COMPONENT, trials.FORGOTTEN])
def test_jobs_without_a_component(database: Database, kind: str) -> None:
    made_jobs = [jobs.create(database, ResourceScope("training", "0", "r"), JobDraft(name, {})) for name in ("a", "b")]
    jobs.create(database, ResourceScope("training", "0", "elsewhere"), JobDraft("a", {}))
    there = made(database, kind, "x", parent=made_jobs[0].id)

    def untracked(since_ms: int) -> list[str]:
        with database.read() as connection:
            found = trials.newest_jobs_in(connection, ResourceScope("training", "0", "r"), since_ms, 10)
            assert found.last is None, "that is all of them"
            return [row.name for row in found.missing]

    assert untracked(0) == ["b"]
    assert untracked(made_jobs[1].created_ms + 1) == []
    with database.read() as connection:
        scope = ResourceScope("training", "0", "r")
        first = trials.next_jobs_in(connection, scope, (0, ""), 1)
        assert first.last == (made_jobs[0].created_ms, "a")
        assert first.missing == []
        rest = trials.next_jobs_in(connection, scope, (made_jobs[0].created_ms, "a"), 10)
        assert [row.name for row in rest.missing] == ["b"]
        assert rest.last is None
        own = {made_jobs[0].id: there if kind == trials.COMPONENT else ""}
        assert trials.of_jobs_in(connection, [job.id for job in made_jobs]) == own
        assert trials.named_in(connection, ResourceScope(kind, "0", "r"), ["x", "X", "y"]) == {"x"}
