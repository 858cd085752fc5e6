"""Any order of reports, any stops, any killed server: the loop starts no more than it may, and ends."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagewright.tuning.inprocess import InProcessSearchers
from sagewright.tuning.loop import Over, Rules, standing, step
from sagewright.tuning.study import Study, Trial, TrialState
from tuning.studies import MIXED, PLANE, SMALL, completed, study

PLANS = [
    study(MIXED, "Random", early_stopping=True),
    study(SMALL, "Grid"),
    study(MIXED, "Hyperband", min_resource=1, max_resource=4),
    study(MIXED, "Hyperband", max_resource=4, resumable=True),
    study(PLANE, "Bayesian"),
    study(SMALL, "Bayesian", early_stopping=True),
]


def drive(plan: Study, rules: Rules, dice: random.Random, minds: InProcessSearchers | None) -> tuple[list[Trial], Over]:
    """Report at random until it is over; without minds that are kept, they are new at each step, as after a kill."""
    trials: list[Trial] = []
    for _ in range(2000):
        wanted = step(plan, rules, dice.sample(trials, len(trials)), minds or InProcessSearchers())
        for suggestion in wanted.start:
            trials.append(Trial(len(trials) + 1, suggestion.values, TrialState.RUNNING, continues=suggestion.continues))
        for number in wanted.stop:
            assert trials[number - 1].running
            trials[number - 1] = dataclasses.replace(trials[number - 1], state=TrialState.STOPPED)
        running = [trial for trial in trials if trial.running]
        assert len(running) <= rules.most_parallel
        assert rules.most_trials is None or len(trials) <= rules.most_trials
        if wanted.over is not None:
            assert not wanted.start
            assert not running
            return trials, wanted.over
        if running:
            report(trials, dice.choice(running).number, dice)
    raise AssertionError("it has no end")


def report(trials: list[Trial], number: int, dice: random.Random) -> None:
    trial = trials[number - 1]
    fate = dice.random()
    if fate < 0.6:
        value = dice.random()
        trial = dataclasses.replace(trial, curve=(*trial.curve, value), value=value)
    if fate > 0.4:
        ended = TrialState.FAILED if fate > 0.9 or not trial.curve else TrialState.COMPLETED
        trial = dataclasses.replace(trial, state=ended)
    trials[number - 1] = trial


@settings(max_examples=60)
@given(st.sampled_from(PLANS), st.integers(1, 12), st.integers(1, 5), st.booleans(), st.integers(0, 10**6))
def test_it_starts_no_more_than_it_may_and_ends(plan: Study, most: int, parallel: int, kept: bool, seed: int) -> None:
    plan = dataclasses.replace(plan, most_trials=most, most_parallel=parallel)
    rules = Rules(most, parallel)
    trials, over = drive(plan, rules, random.Random(seed), InProcessSearchers() if kept else None)
    exhausted = plan.space is SMALL and plan.strategy in ("Grid", "Bayesian")
    assert over is (Over.SPACE if exhausted and most > 6 else Over.TRIALS)
    assert len(trials) == (min(most, 6) if exhausted else most)
    if exhausted or plan.space is PLANE:
        assert len({tuple(trial.values.items()) for trial in trials}) == len(trials)


@given(st.sampled_from(["Random", "Grid"]), st.integers(0, 10**6))
def test_a_kill_changes_no_point_of_what_depends_on_numbers_alone(strategy: str, seed: int) -> None:
    plan = study(SMALL, strategy, most_parallel=2, max_resource=3)
    runs = [
        drive(plan, Rules(6, 2), random.Random(seed + kept), InProcessSearchers() if kept else None) for kept in (0, 1)
    ]
    assert [trial.values for trial in runs[0][0]] == [trial.values for trial in runs[1][0]]


def results(*values: float | None) -> list[Trial]:
    """None is a failed one."""
    return [
        Trial(number, {}, TrialState.FAILED) if value is None else completed(number, {}, value)
        for number, value in enumerate(values, 1)
    ]


class Nothing:
    def suggest(self, plan: Study, trials: Sequence[Trial], count: int) -> list[object]:
        return []

    def stops(self, plan: Study, trials: Sequence[Trial]) -> list[int]:
        return []


@given(st.permutations(results(3.0, 2.0, None, 5.0, 1.999, 4.0)))
def test_the_standing_is_the_same_in_any_order(trials: list[Trial]) -> None:
    found = standing(study(), Rules(None, 1, not_improving=3), trials)
    assert (found.best, found.not_improving, found.over) == (5, 3, Over.NOT_IMPROVING)


@pytest.mark.parametrize(
    ("maximize", "target", "over"),
    [(True, 3.0, Over.TARGET), (True, 3.1, None), (False, 1.0, Over.TARGET), (False, 0.9, None)],
)
def test_a_target_is_reached(maximize: bool, target: float, over: Over | None) -> None:
    plan = study(maximize=maximize)
    assert standing(plan, Rules(None, 1, target=target), results(1.0, 3.0)).over is over
    running = dataclasses.replace(results(1.0, 3.0)[1], state=TrialState.RUNNING, number=3)
    assert step(plan, Rules(None, 1, target=target), [*results(1.0, 3.0), running], Nothing()).stop == (
        (3,) if over else ()
    )


def test_improvements_of_less_than_a_hundredth_are_none() -> None:
    found = standing(study(), Rules(None, 1), results(100.0, 99.5, 99.1, 98.9, 98.8))
    assert (found.best, found.not_improving) == (5, 1)
    negative = standing(study(maximize=True), Rules(None, 1), results(-1.0, -0.995, -0.9))
    assert (negative.best, negative.not_improving) == (3, 0)


def test_convergence_ends_it_only_where_it_was_asked_for() -> None:
    flat = results(*[1.0] * 11)
    assert standing(study(), Rules(None, 1), flat).converged
    assert standing(study(), Rules(None, 1), flat).over is None
    assert standing(study(), Rules(None, 1, convergence=True), flat).over is Over.CONVERGED
    assert not standing(study(), Rules(None, 1), flat[:10]).converged


def test_parents_are_no_trials_of_ones_own() -> None:
    parents = [completed(-number, {}, 0.0, source="p") for number in range(1, 9)]
    found = standing(study(), Rules(2, 1, target=0.5), [*parents, completed(1, {}, 1.0)])
    assert (found.best, found.over) == (1, None)
