from __future__ import annotations

import math
import statistics
from collections.abc import Mapping

import pytest
from simulation import SimulatedCourse, SimulatedOutcome, Simulation
from tuning.studies import MIXED, SMALL, mixed, study

from sagewright.tuning.inprocess import InProcessSearchers
from sagewright.tuning.loop import Over, Rules
from sagewright.tuning.searchers.freezethaw import FreezeThawSearcher
from sagewright.tuning.study import Study, Trial, TrialState, whole_curves

EPOCHS = 27
BUDGET = 8 * EPOCHS


def training(values: Mapping[str, str], _: int) -> SimulatedOutcome:
    """Falls towards what `mixed` says, the slower the better that is: the first epochs mislead a little."""
    end = mixed(values)
    return SimulatedOutcome(tuple(end + 3 * math.exp(-epoch / (3 + 2 / (1 + end))) for epoch in range(1, EPOCHS + 1)))


def plan(seed: int = 1, **more: object) -> Study:
    described = {"resumable": True, "max_resource": EPOCHS, "epochs": BUDGET} | more
    return study(MIXED, "Hyperband", seed=seed, **described)


def run(described: Study, rules: Rules | None = None) -> SimulatedCourse:
    return Simulation(
        described, rules or Rules(described.most_trials, described.most_parallel), training, InProcessSearchers()
    ).run()


def trained(course: SimulatedCourse) -> float:
    """The best of those that were trained to the end."""
    return min(curve[-1] for curve in whole_curves(course.trials).values() if len(curve) == EPOCHS)


@pytest.mark.sampled(4, of="whole searches over simulated trainings")
def test_with_the_epochs_of_eight_trainings_it_finds_what_thirty_random_ones_do_not() -> None:
    found = statistics.median(trained(run(plan(seed))) for seed in range(4))
    drawn = statistics.median(trained(run(study(MIXED, "Random", seed=seed, most_trials=30))) for seed in range(4))
    assert found < drawn


def test_it_spends_no_more_epochs_than_it_may_and_trains_one_to_the_end() -> None:
    course = run(plan())
    assert BUDGET - EPOCHS < course.epochs <= BUDGET
    assert math.isfinite(trained(course))


def test_trials_are_paused_early_and_gone_on_with() -> None:
    course = run(plan())
    curves = whole_curves(course.trials)
    first = [trial for trial in course.trials if trial.continues is None]
    further = [trial for trial in course.trials if trial.continues is not None]
    assert {len(trial.curve) for trial in first} == {4}
    assert further
    by_number = {trial.number: trial for trial in course.trials}
    for trial in further:
        before = by_number[trial.continues or 0]
        assert trial.values == before.values
        assert len(curves[trial.number]) > len(curves[before.number])
    begun = [trial.continues for trial in further]
    assert len(set(begun)) == len(begun)


def test_with_slots_and_trials_that_are_counted_the_last_ones_go_to_the_end() -> None:
    course = run(plan(most_parallel=3, most_trials=24, epochs=None))
    assert course.over is Over.TRIALS
    assert len(course.trials) == 24
    lengths = [len(curve) for number, curve in whole_curves(course.trials).items() if number > 21]
    assert lengths == [EPOCHS] * 3


def test_what_is_asked_at_once_is_not_the_same_twice() -> None:
    trials = list(run(plan(most_trials=12, epochs=None)).trials)[:10]
    found = FreezeThawSearcher(plan(most_parallel=4, epochs=None)).suggest(trials, 4)
    assert len({(one.continues, *one.values.values()) for one in found}) == 4
    assert len({one.continues for one in found if one.continues}) == sum(1 for one in found if one.continues)


def test_what_failed_is_not_gone_on_with() -> None:
    trials = list(run(plan(most_trials=12, epochs=None)).trials)
    failed = {trial.number for trial in trials if trial.number % 2}
    trials = [
        Trial(t.number, t.values, TrialState.FAILED, t.curve, None, t.continues) if t.number in failed else t
        for t in trials
    ]
    searcher = FreezeThawSearcher(plan(epochs=None, most_trials=13))
    assert {one.continues for one in searcher.suggest(trials, 1)} & failed == set()


def test_the_best_of_parents_are_begun_with() -> None:
    parents = [
        Trial(
            -1,
            {"rate": "0.01", "share": "0.9", "layers": "6", "units": "256", "kind": "b"},
            TrialState.COMPLETED,
            (0.1,),
            0.1,
            source="p",
        ),
        Trial(
            -2,
            {"rate": "0.5", "share": "0.1", "layers": "1", "units": "8", "kind": "a"},
            TrialState.COMPLETED,
            (9.0,),
            9.0,
            source="p",
        ),
    ]
    first, second = FreezeThawSearcher(plan()).suggest(parents, 2)
    assert first.values["layers"] == "6"
    assert second.values["kind"] in "abc"
    assert second.values != first.values


def test_nothing_is_left_of_a_small_space_when_all_has_been_tried() -> None:
    described = study(SMALL, "Hyperband", resumable=True, max_resource=1)
    course = Simulation(described, Rules(20, 2), lambda _, __: SimulatedOutcome((1.0,)), InProcessSearchers()).run()
    assert course.over is Over.SPACE
    assert len(course.trials) == 6
