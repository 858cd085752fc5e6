"""Results of the Bayesian searcher, over fixed seeds; bounds are far from the measured values."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence

import pytest
from simulation import Simulation, function
from tuning.studies import MIXED, PLANE, SMALL, branin, completed, mixed, study

from sagewright.tuning.inprocess import InProcessSearchers
from sagewright.tuning.loop import Rules
from sagewright.tuning.searchers.bayesian import BayesianSearcher
from sagewright.tuning.space import Space
from sagewright.tuning.study import Study, Trial, TrialState

Objective = Callable[[Mapping[str, str]], float]
SEEDS = range(6)


def found(objective: Objective, plans: Sequence[Study], trials: int, parents: Sequence[Trial] = ()) -> list[float]:
    """The best of each plan."""
    best = []
    for plan in plans:
        rules = Rules(trials, plan.most_parallel)
        course = Simulation(plan, rules, function(objective), InProcessSearchers()).run(parents)
        reached = course.best(plan)
        assert reached is not None
        best.append(reached)
    return best


def plans(space: Space, strategy: str = "Bayesian", **more: object) -> list[Study]:
    return [study(space, strategy, seed=seed, **more) for seed in SEEDS]


@pytest.mark.sampled(4, of="whole searches over simulated trainings")
@pytest.mark.parametrize(("space", "objective"), [(PLANE, branin), (MIXED, mixed)])
def test_it_finds_in_thirty_trials_what_random_does_not_in_sixty(space: Space, objective: Objective) -> None:
    learned = found(objective, plans(space), 30)
    drawn = found(objective, plans(space, "Random"), 60)
    assert statistics.median(learned) < 0.5 * statistics.median(drawn)


@pytest.mark.sampled(4, of="whole searches over simulated trainings")
def test_four_at_once_are_hardly_worse_than_one_after_the_other() -> None:
    one = found(branin, plans(PLANE), 32)
    four = found(branin, plans(PLANE, most_parallel=4), 32)
    drawn = found(branin, plans(PLANE, "Random"), 32)
    assert statistics.median(four) < statistics.median(one) + 0.3 * (statistics.median(drawn) - statistics.median(one))


def test_what_is_asked_at_once_lies_apart() -> None:
    trials = [completed(number, {"x": f"{number}", "y": f"{number}"}, number) for number in range(1, 7)]
    together = BayesianSearcher(study(most_parallel=5)).suggest(trials, 5)
    places = [PLANE.places(one.values) for one in together]
    apart = [math.dist(a, b) for i, a in enumerate(places) if a for b in places[:i] if b]
    assert min(apart) > 0.02


@pytest.mark.sampled(4, of="whole searches over simulated trainings")
def test_a_maximum_is_found_too() -> None:
    learned = found(lambda values: -branin(values), plans(PLANE, maximize=True), 30)
    assert statistics.median(learned) > -0.3


@pytest.mark.sampled(4, of="whole searches over simulated trainings")
def test_regions_that_fail_are_left() -> None:
    def failing(values: Mapping[str, str]) -> float:
        return math.nan if float(values["x"]) > 2 else branin(values)

    best = []
    for plan in plans(PLANE):
        course = Simulation(plan, Rules(30, 2), function(failing), InProcessSearchers()).run()
        late = [trial.state is TrialState.FAILED for trial in course.trials[10:]]
        assert sum(late) < 0.35 * len(late)
        best.append(course.best(plan) or math.inf)
    assert statistics.median(best) < 1.5
    assert max(best) < 5  # one was caught next to a corner and tried its neighbours for 20 trials


def test_when_all_lay_next_to_the_best_the_next_one_does_not() -> None:
    trials = [completed(1, {"x": "-5", "y": "0"}, 300.0), completed(2, {"x": "10", "y": "15"}, 200.0)]
    slope = [{"x": f"{2 + step / 50}", "y": "5"} for step in range(8)]
    trials += [completed(number, values, -number / 100) for number, values in enumerate(slope, 3)]
    places = PLANE.places(BayesianSearcher(study()).suggest(trials, 1)[0].values)
    best = PLANE.places(slope[-1])
    assert places is not None
    assert best is not None
    assert max(abs(a - b) for a, b in zip(places, best, strict=True)) > 0.1


def test_it_goes_on_where_all_have_failed() -> None:
    course = Simulation(study(), Rules(15, 3), function(lambda _: math.nan), InProcessSearchers()).run()
    assert len({tuple(trial.values.items()) for trial in course.trials}) == 15


@pytest.mark.parametrize("same", [True, False])
def test_parents_of_the_same_kind_help(same: bool) -> None:
    def shifted(values: Mapping[str, str]) -> float:
        return mixed(values) if same else 50 + 10 * mixed(values | {"units": str(2 * int(values["units"]))})

    course = Simulation(study(MIXED, seed=99), Rules(25, 1), function(shifted), InProcessSearchers()).run()
    parents = [Trial(-t.number, t.values, t.state, t.curve, t.value, source="parent") for t in course.trials]
    warm = found(mixed, plans(MIXED, same_task=same), 6, parents)
    cold = found(mixed, plans(MIXED), 6)
    assert statistics.median(warm) < 0.5 * statistics.median(cold)


def test_parents_that_mislead_are_seen_through() -> None:
    def opposite(values: Mapping[str, str]) -> float:
        return -mixed(values)

    course = Simulation(study(MIXED, seed=99), Rules(25, 1), function(opposite), InProcessSearchers()).run()
    parents = [Trial(-t.number, t.values, t.state, t.curve, t.value, source="parent") for t in course.trials]
    warm = found(mixed, plans(MIXED)[:4], 25, parents)
    drawn = found(mixed, plans(MIXED, "Random"), 25)
    assert statistics.median(warm) < statistics.median(drawn)


def test_no_point_twice_until_there_is_none_left() -> None:
    plan = study(SMALL)
    course = Simulation(plan, Rules(20, 1), function(lambda values: float(values["a"])), InProcessSearchers()).run()
    assert len(course.trials) == 6
    assert len({tuple(trial.values.items()) for trial in course.trials}) == 6


@pytest.mark.parametrize("value", [1e308, -1e308, 0.0, 1e-320])
def test_objectives_of_any_size_are_borne(value: float) -> None:
    searcher = BayesianSearcher(study(MIXED))
    trials: list[Trial] = []
    for number in range(1, 13):
        values = searcher.suggest(trials, 1)[0].values
        trials.append(completed(number, values, value if number % 3 else 1.0))
    assert len({tuple(trial.values.items()) for trial in trials}) == 12


def test_what_ran_is_no_worse_for_a_new_process() -> None:
    """A searcher that is made anew for each suggestion, as one whose process is killed all the time."""
    best = []
    for seed in SEEDS:
        trials: list[Trial] = []
        for number in range(1, 26):
            values = BayesianSearcher(study(seed=seed)).suggest(trials, 1)[0].values
            trials.append(completed(number, values, branin(values)))
        best.append(min(trial.value for trial in trials if trial.value is not None))
    assert statistics.median(best) < 1.0


def test_many_trials_and_parents_are_borne() -> None:
    points = [one.values for one in InProcessSearchers().suggest(study(MIXED, "Random"), [], 700)]
    trials = [completed(number, values, mixed(values)) for number, values in enumerate(points[:400], 1)]
    parents = [
        completed(-number, values, mixed(values), source=f"p{number % 5}")
        for number, values in enumerate(points[400:], 1)
    ]
    values = BayesianSearcher(study(MIXED)).suggest([*trials, *parents], 3)
    assert len({tuple(one.values.items()) for one in values}) == 3
