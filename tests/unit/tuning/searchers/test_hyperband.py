from __future__ import annotations

import dataclasses

from tuning.studies import MIXED, study

from sagewright.tuning.searchers.hyperband import HyperbandStopper
from sagewright.tuning.study import Trial, TrialState

PLAN = study(MIXED, "Hyperband", min_resource=2, max_resource=54, maximize=True)
STOPPER = HyperbandStopper(PLAN)
FIRST = [number for number in range(1, 99) if STOPPER.rungs(number) == [2, 6, 18]]


def trial(number: int, *curve: float, state: TrialState = TrialState.RUNNING) -> Trial:
    return Trial(number, {}, state, curve, curve[-1] if curve else None)


def test_every_other_trial_is_spared_the_first_rung_where_there_is_another() -> None:
    assert [STOPPER.rungs(number) for number in (1, 2, 3)] == [[2, 6, 18], [6, 18], [2, 6, 18]]
    short = HyperbandStopper(study(MIXED, "Hyperband", max_resource=3))
    assert [short.rungs(number) for number in (1, 2)] == [[1], [1]]


def test_at_a_rung_the_best_third_goes_on() -> None:
    numbers = FIRST[:9]
    trials = [trial(number, 0.5, place / 10) for place, number in enumerate(numbers)]
    assert STOPPER.stops(trials) == numbers[:6]


def test_nobody_is_judged_before_a_rung() -> None:
    a, b = FIRST[:2]
    assert STOPPER.stops([trial(a, 0.9, 0.9), trial(b, 0.1)]) == []
    assert STOPPER.stops([trial(a, 0.9, 0.9), trial(b, 0.1, 0.1)]) == [b]
    assert STOPPER.stops([trial(a, 0.9, 0.9), trial(b, 0.1, 0.1, state=TrialState.COMPLETED)]) == []


def test_a_trial_that_has_used_the_most_ends() -> None:
    assert STOPPER.stops([trial(1, *[0.5] * 54)]) == [1]


def test_a_trial_that_ends_by_itself_is_not_cut_off_before_it_has_saved_its_model() -> None:
    bounded = HyperbandStopper(dataclasses.replace(PLAN, bounded=True))
    assert bounded.stops([trial(1, *[0.5] * 54)]) == []
    assert bounded.stops([trial(1, *[0.5] * 55)]) == [1]
    loser, winner = [0.1] * 54, [0.9] * 54
    assert bounded.stops([trial(FIRST[0], *winner), trial(FIRST[1], *loser[:18])]) == [FIRST[1]]
