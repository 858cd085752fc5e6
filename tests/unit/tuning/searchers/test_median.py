from __future__ import annotations

from tuning.studies import study

from sagewright.tuning.searchers.median import MedianStopper
from sagewright.tuning.study import Trial, TrialState

STOPPER = MedianStopper(study(early_stopping=True, maximize=True))


def trial(number: int, *curve: float, state: TrialState = TrialState.COMPLETED) -> Trial:
    return Trial(number, {}, state, curve, curve[-1] if curve else None)


def test_a_trial_that_is_worse_than_the_median_of_the_running_averages_ends() -> None:
    # Averages up to the second epoch: 0.3, 0.5, 0.7.
    before = [trial(1, 0.2, 0.4, 0.9), trial(2, 0.4, 0.6, 0.9), trial(3, 0.6, 0.8, 0.9)]
    assert STOPPER.stops([*before, trial(4, 0.9, 0.49, state=TrialState.RUNNING)]) == [4]
    assert STOPPER.stops([*before, trial(4, 0.1, 0.51, state=TrialState.RUNNING)]) == []


def test_lower_is_better_where_it_is_minimised() -> None:
    stopper = MedianStopper(study(early_stopping=True))
    assert stopper.stops(
        [trial(1, 0.5), trial(2, 0.6, state=TrialState.RUNNING), trial(3, 0.4, state=TrialState.RUNNING)]
    ) == [2]


def test_only_trials_that_began_before_and_came_so_far_are_compared_with() -> None:
    assert STOPPER.stops([trial(1, 0.9), trial(2, 0.5, 0.5, state=TrialState.RUNNING)]) == []
    assert STOPPER.stops([trial(1, 0.1, state=TrialState.RUNNING), trial(2, 0.9)]) == []
    assert STOPPER.stops([trial(1, 0.9, state=TrialState.FAILED), trial(2, 0.5, state=TrialState.RUNNING)]) == []
    parent = Trial(-1, {}, TrialState.COMPLETED, (0.9,), 0.9, source="parent")
    assert STOPPER.stops([parent, trial(1, 0.5, state=TrialState.RUNNING)]) == []


def test_who_has_told_nothing_goes_on() -> None:
    assert STOPPER.stops([trial(1, 0.9), trial(2, state=TrialState.RUNNING)]) == []
