from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
from simulation import SimulatedOutcome, Simulation, function

from sagewright.tuning.inprocess import InProcessSearchers
from sagewright.tuning.loop import Over, Rules
from sagewright.tuning.study import TrialState
from tuning.studies import MIXED, branin, mixed, study

EPOCHS = 27


def training(values: Mapping[str, str], number: int) -> SimulatedOutcome:
    """Falls towards what `mixed` says; from the third epoch on the better ones are ahead."""
    end = mixed(values)
    return SimulatedOutcome(tuple(end + 3 * math.exp(-epoch / 4) for epoch in range(1, EPOCHS + 1)))


def test_slots_are_kept_full_and_time_goes_by() -> None:
    plan = study(most_parallel=4)
    course = Simulation(plan, Rules(20, 4), function(branin, 3.0), InProcessSearchers()).run()
    assert course.over is Over.TRIALS
    assert course.at_s == 15.0
    assert course.busy_s == 60.0
    assert [trial.state for trial in course.trials] == [TrialState.COMPLETED] * 20


def test_it_ends_when_the_time_is_up() -> None:
    course = Simulation(study(MIXED), Rules(None, 2), training, InProcessSearchers(), most_s=40.5).run()
    assert course.over is None
    assert course.trials[-1].state is TrialState.STOPPED
    assert course.epochs == 80


def test_what_failed_has_no_objective() -> None:
    course = Simulation(study(), Rules(3, 1), function(lambda _: math.nan), InProcessSearchers()).run()
    assert [(trial.state, trial.value) for trial in course.trials] == [(TrialState.FAILED, None)] * 3


@pytest.mark.sampled(4, of="whole searches over simulated trainings")
def test_early_stopping_saves_epochs_and_finds_as_good_a_trial() -> None:
    epochs, best = {}, {}
    for strategy, early in (("Random", False), ("Random", True), ("Hyperband", False)):
        plans = [
            study(MIXED, strategy, seed=seed, early_stopping=early, min_resource=3, max_resource=EPOCHS)
            for seed in range(10)
        ]
        courses = [Simulation(plan, Rules(40, 4), training, InProcessSearchers()).run() for plan in plans]
        epochs[strategy, early] = sum(course.epochs for course in courses)
        found = [course.best(plan) for course, plan in zip(courses, plans, strict=True)]
        best[strategy, early] = sum(value for value in found if value is not None)
    assert epochs["Random", True] < 0.5 * epochs["Random", False]
    assert best["Random", True] == pytest.approx(best["Random", False], rel=0.1)
    # Hyperband's later trials are better than the earlier ones, so that it stops fewer of them.
    assert epochs["Hyperband", False] < 0.7 * epochs["Random", False]
    assert best["Hyperband", False] < 0.6 * best["Random", False]


def test_a_target_ends_it_and_whatever_runs() -> None:
    plan = study(most_parallel=3)
    course = Simulation(plan, Rules(200, 3, target=1.0), function(branin), InProcessSearchers()).run()
    assert course.over is Over.TARGET
    assert len(course.trials) < 100
    assert not any(trial.running for trial in course.trials)
