"""Whose job is next, over drawn queues: shares follow the weights, nothing that could start waits, and none waits forever."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from sagewright.engine.jobs.sharing.fairness import Standings, WaitingJob, in_turn, may_be_passed
from sagewright.model.aws.instance_types import Resources

CAPACITY = Resources(8, 32, 2)
NONE = Resources(0, 0, 0)
PATIENCE_MS = 50
OWNERS = ("ann", "bob", "carl")


@dataclass(frozen=True)
class Drawn:
    """A job of a simulation: when it arrives, what it needs, and how long it runs."""

    id: str
    owner: str
    at_ms: int
    needs: Resources
    runs_ms: int
    rank: int = 0


def waiting(job: Drawn) -> WaitingJob[Drawn]:
    return WaitingJob(job, job.rank, job.at_ms, job.id, job.needs)


def lines(jobs: list[Drawn]) -> dict[str, list[WaitingJob[Drawn]]]:
    ordered = sorted(jobs, key=lambda one: (one.rank, one.at_ms, one.id))
    return {owner: [waiting(one) for one in ordered if one.owner == owner] for owner in {one.owner for one in jobs}}


def turns(jobs: list[Drawn], weights: dict[str, float], held: dict[str, Resources] | None = None) -> list[Drawn]:
    by_owner = {owner: iter(line) for owner, line in lines(jobs).items()}
    return [one.job for one in in_turn(by_owner, Standings(held or {}, weights, CAPACITY))]


def total(jobs: list[Drawn]) -> Resources:
    return Resources(
        sum(one.needs.cpus for one in jobs),
        sum(one.needs.memory_gb for one in jobs),
        sum(one.needs.gpus for one in jobs),
    )


def fits(job: Drawn, running: list[Drawn]) -> bool:
    held = total(running)
    return (
        held.cpus + job.needs.cpus <= CAPACITY.cpus
        and held.memory_gb + job.needs.memory_gb <= CAPACITY.memory_gb
        and held.gpus + job.needs.gpus <= CAPACITY.gpus
    )


needs = st.builds(Resources, st.integers(1, 8), st.integers(1, 32), st.integers(0, 2))
weights = st.fixed_dictionaries({owner: st.sampled_from([0.5, 1.0, 2.0, 5.0]) for owner in OWNERS})


@st.composite
def drawn(draw: st.DrawFn, ranks: bool = True, most: int = 25) -> list[Drawn]:
    count = draw(st.integers(1, most))
    return [
        Drawn(
            f"{number:03}",
            draw(st.sampled_from(OWNERS)),
            draw(st.integers(0, 100)),
            draw(needs),
            draw(st.integers(1, 40)),
            draw(st.integers(-1, 1)) if ranks else 0,
        )
        for number in range(count)
    ]


@given(drawn(), weights)
def test_each_job_has_one_turn_and_lines_keep_their_order(jobs: list[Drawn], by_owner: dict[str, float]) -> None:
    found = turns(jobs, by_owner)
    assert sorted(one.id for one in found) == sorted(one.id for one in jobs)
    for owner, line in lines(jobs).items():
        assert [one for one in found if one.owner == owner] == [one.job for one in line]
    assert [one.rank for one in found] == sorted(one.rank for one in found), "a higher priority comes first"


@given(drawn())
def test_one_owner_is_served_first_come_first_served(jobs: list[Drawn]) -> None:
    alone = [replace(one, owner="ann", rank=0) for one in jobs]
    assert turns(alone, {}) == sorted(alone, key=lambda one: (one.at_ms, one.id))


@given(weights, st.integers(1, 4), st.integers(10, 60))
def test_shares_follow_the_weights_within_one_job(by_owner: dict[str, float], cpus: int, many: int) -> None:
    """As long as all wait, no two owners are further apart than one job of either."""
    jobs = [Drawn(f"{owner}-{n:03}", owner, n, Resources(cpus, 1, 0), 1) for owner in OWNERS for n in range(many)]
    given_: dict[str, int] = dict.fromkeys(OWNERS, 0)
    for one in turns(jobs, by_owner):
        given_[one.owner] += 1
        if max(given_.values()) == many:
            break
        for owner in OWNERS:
            for other in OWNERS:
                lead = given_[owner] / by_owner[owner] - given_[other] / by_owner[other]
                assert lead <= 1 / by_owner[owner] + 1e-9


@given(drawn(ranks=False), weights)
def test_who_holds_nothing_comes_before_who_holds_something(jobs: list[Drawn], by_owner: dict[str, float]) -> None:
    mine = [replace(one, owner="bob") for one in jobs]
    theirs = [Drawn(f"q{n}", "ann", 0, Resources(1, 1, 0), 1) for n in range(200)]
    assert turns(mine + theirs, by_owner, {"ann": Resources(1, 1, 0)})[0].owner == "bob"


def test_a_weight_of_zero_takes_what_is_left() -> None:
    jobs = [Drawn(f"{owner}{n}", owner, 0, Resources(1, 1, 0), 1) for owner in ("ann", "bob") for n in range(9)]
    assert [one.owner for one in turns(jobs, {"ann": 0.0}, {"ann": Resources(1, 0, 0)})] == ["bob"] * 9 + ["ann"] * 9


@dataclass
class Simulation:
    """The queue's passes on a machine, with the rule that the server follows."""

    weights: dict[str, float]
    now_ms: int = 0
    placed_ms: dict[str, int] | None = None
    turns: dict[str, tuple[float, float]] = field(default_factory=dict)

    def run(self, jobs: list[Drawn]) -> dict[str, int]:
        """When each job started."""
        self.placed_ms = {}
        moments = sorted({one.at_ms for one in jobs})
        running: list[Drawn] = []
        ends: list[tuple[int, str]] = []
        by_id = {one.id: one for one in jobs}
        while len(self.placed_ms) < len(jobs):
            assert moments or ends, "jobs wait, and nothing will happen any more"
            self.now_ms = min([*moments[:1], *(end for end, _ in ends[:1])])
            moments = [one for one in moments if one > self.now_ms]
            while ends and ends[0][0] <= self.now_ms:
                running.remove(by_id[heapq.heappop(ends)[1]])
            there = [one for one in jobs if one.at_ms <= self.now_ms and one.id not in self.placed_ms]
            for job in self.starts(there, running):
                running.append(job)
                self.placed_ms[job.id] = self.now_ms
                heapq.heappush(ends, (self.now_ms + job.runs_ms, job.id))
        return self.placed_ms

    def starts(self, there: list[Drawn], running: list[Drawn]) -> list[Drawn]:
        held = {owner: total([one for one in running if one.owner == owner]) for owner in OWNERS}
        standings = Standings(held, self.weights, CAPACITY, self.turns)
        by_owner = {owner: iter(line) for owner, line in lines(there).items()}
        started: list[Drawn] = []
        blocked = False
        for job in (one.job for one in in_turn(by_owner, standings)):
            now = [*running, *started]
            if fits(job, now):
                started.append(job)
                standings = standings.after(job.owner, job.needs)
                self.turns = dict(standings.turns)
                continue
            before = [one for one in now if not self.has_passed(one, job)]
            if not may_be_passed(self.now_ms - job.at_ms, PATIENCE_MS, fits_without_passers=fits(job, before)):
                blocked = True
                break
        if not blocked:  # work conserving: whatever waits now does not fit
            left = [one for one in there if one not in started]
            assert not any(fits(one, [*running, *started]) for one in left)
        return started

    def has_passed(self, other: Drawn, job: Drawn) -> bool:
        assert self.placed_ms is not None
        later = (other.at_ms, other.id) > (job.at_ms, job.id)
        return later or (other.owner != job.owner and self.placed_ms.get(other.id, self.now_ms) > job.at_ms)


@settings(max_examples=60)
@given(drawn(ranks=False), weights)
def test_all_that_waits_starts(jobs: list[Drawn], by_owner: dict[str, float]) -> None:
    assert len(Simulation(by_owner).run(jobs)) == len(jobs)


@given(st.integers(20, 100), st.integers(1, 10))
@settings(max_examples=8)
def test_a_long_line_of_another_keeps_no_job_waiting(many: int, runs_ms: int) -> None:
    """A user with one job, after another's hundred, waits for no more than one job to end."""
    theirs = [Drawn(f"a{n:03}", "ann", 0, Resources(2, 2, 0), runs_ms) for n in range(many)]
    mine = Drawn("b", "bob", 5 * runs_ms, Resources(2, 2, 0), 1)
    started = Simulation({}).run([*theirs, mine])
    assert started["b"] - mine.at_ms <= runs_ms


@given(weights, st.integers(1, 3))
@settings(max_examples=15)
def test_on_a_machine_that_one_job_fills_turns_follow_the_weights(by_owner: dict[str, float], runs_ms: int) -> None:
    """Nobody holds anything whenever a job ends; ann was there first with all of hers."""
    many = 25
    jobs = [
        Drawn(f"{owner}-{n:03}", owner, place, Resources(8, 32, 2), runs_ms)
        for place, owner in enumerate(OWNERS)
        for n in range(many)
    ]
    started = Simulation(by_owner).run(jobs)
    served: dict[str, int] = dict.fromkeys(OWNERS, 0)
    for one in sorted(jobs, key=lambda one: started[one.id])[3:]:  # the others came when the first had begun
        served[one.owner] += 1
        if max(served.values()) >= many - 3:
            break
        for owner in OWNERS:
            for other in OWNERS:
                lead = served[owner] / by_owner[owner] - served[other] / by_owner[other]
                assert lead <= 1 / by_owner[owner] + 1 / by_owner[other] + 1e-9


@given(st.integers(2, 30), st.sampled_from(OWNERS))
@settings(max_examples=8)
def test_a_stream_of_small_jobs_starves_no_large_one(runs_ms: int, whose: str) -> None:
    """Small ones arrive faster than they end, from the same owner and from others; the large one needs the whole machine."""
    stream = [Drawn(f"s{n:04}", OWNERS[n % 3], n, Resources(2, 8, 0), runs_ms) for n in range(200)]
    large = Drawn("large", whose, 3, Resources(8, 32, 2), 5)
    started = Simulation({}).run([*stream, large])
    later = max(started[one.id] for one in stream)
    assert started["large"] < later, "the stream goes on after it"
    assert started["large"] - large.at_ms <= PATIENCE_MS + 3 * runs_ms + 1
