"""What a suggestion costs when there are so many trials already."""

from __future__ import annotations

import time

import synthetic

from sagewright.tuning.points import uniform
from sagewright.tuning.searchers.bayesian import BayesianSearcher
from sagewright.tuning.study import Study, Trial, TrialState

TRIALS = (10, 25, 50, 150, 500, 750)
_REPEATS, _SEEDS = 10, 8


def best_ms(trials: int) -> float:
    """The least of several, as other processes on the machine only ever add to it."""
    return min(ms(trials, seed) for seed in range(_SEEDS))


def ms(trials: int, seed: int) -> float:
    """CPU time of one more suggestion, where each has one trial more; the mean of ten."""
    problem = next(each for each in synthetic.every() if each.name == "network 6, mixed")
    study = Study("cost", problem.space, False, "Bayesian", seed, None, 1)
    searcher, known = BayesianSearcher(study), list[Trial]()
    for number in range(1, trials + _REPEATS + 1):
        values = uniform(problem.space, seed, number)
        cost = problem.cost(values)
        known.append(Trial(number, values, TrialState.COMPLETED, (cost,), cost))
    searcher.suggest(known[:trials], 1)
    began = time.process_time()
    for more in range(_REPEATS):
        searcher.suggest(known[: trials + more], 1)
    return 1000 * (time.process_time() - began) / _REPEATS
