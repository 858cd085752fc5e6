"""Early stopping on learning curves: what is found with so many epochs, by us and by the pruners of Optuna and Syne Tune."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeAlias

import lcbench
import numpy as np
import optuna
from simulation import Simulation

from sagewright.tuning.inprocess import InProcessSearchers
from sagewright.tuning.loop import Rules
from sagewright.tuning.points import uniform
from sagewright.tuning.space import Integer, Scaling
from sagewright.tuning.study import Study, whole_curves

EPOCHS = lcbench.EPOCHS
BUDGET = 5 * EPOCHS
LONG = 20 * EPOCHS
TARGETS = (0.3, 0.1)
_LEARNED = 4
Found: TypeAlias = Iterator[tuple[int, float]]
"""Configurations that were trained to the last epoch: how many epochs had been spent in all by then, and the accuracy."""
Way: TypeAlias = Callable[[lcbench.DataSet, int, int], Found]
"""To search a data set, with a seed, while fewer epochs than that were spent."""


def held(data: lcbench.DataSet, tuner: str, seed: int, budget: int = BUDGET) -> dict[str, Any]:
    """The regret at the end; after how many epochs it was within each target, None where it never was."""
    began = time.process_time()
    best, within = None, dict.fromkeys(TARGETS)
    for spent, accuracy in TUNERS[tuner](data, seed, budget):
        best = accuracy if best is None else max(best, accuracy)
        for target in TARGETS:
            if within[target] is None and data.regret(best) <= target:
                within[target] = spent
    told = {"regret": round(data.regret(best), 4), "s": round(time.process_time() - began, 2)}
    return told if budget == BUDGET else told | {"within": {str(target): spent for target, spent in within.items()}}


def _own(strategy: str, **more: Any) -> Way:
    def run(data: lcbench.DataSet, seed: int, budget: int) -> Found:
        told = {"most_trials": None, "max_resource": EPOCHS, "names": False} | more
        if told.pop("learned", False):
            told["starts"] = learned_starts()
        if told.get("resumable"):
            told["epochs"] = budget
        study = Study("bench", lcbench.SPACE, True, strategy, seed, most_parallel=1, **told)
        course = Simulation(study, Rules(None, 1), data.problem, InProcessSearchers(), most_s=budget).run()
        for number, curve in whole_curves(course.trials).items():
            if len(curve) == EPOCHS:
                yield round(course.ended_s[number]), curve[-1]

    return run


@lru_cache(1)
def learned_starts() -> tuple[Mapping[str, str], ...]:
    """Of 150 random points those that together leave the least regret on the data sets of the other half, one after the other."""
    points = [uniform(lcbench.SPACE, 31, number) for number in range(150)]
    regrets = []
    for name in lcbench.names()[0::2]:
        data = lcbench.DataSet(name)
        regrets.append([data.regret(data.curve(point)[-1]) for point in points])
    table, chosen = np.array(regrets), list[int]()
    for _ in range(_LEARNED):
        so_far = table[:, chosen].min(axis=1) if chosen else np.full(len(table), np.inf)
        chosen.append(int(np.minimum(table, so_far[:, None]).mean(axis=0).argmin()))
    return tuple(points[i] for i in chosen)


def _optuna(pruner: Callable[[], Any]) -> Way:
    """A trial that crosses the last epoch that may be spent is let to its end."""

    def run(data: lcbench.DataSet, seed: int, budget: int) -> Found:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed), pruner=pruner())
        spent = 0
        while spent < budget:
            trial = study.ask()
            values = {each.name: _ask(trial, each) for each in lcbench.SPACE.parameters}
            for epoch, accuracy in enumerate(data.curve(values), 1):
                spent += 1
                trial.report(accuracy, epoch)
                if epoch == EPOCHS:
                    yield spent, accuracy
                elif trial.should_prune():
                    break
            study.tell(trial, accuracy)

    return run


def _ask(trial: Any, each: Any) -> str:
    log = each.scaling is Scaling.LOGARITHMIC
    ask = trial.suggest_int if isinstance(each, Integer) else trial.suggest_float
    return str(ask(each.name, each.low, each.high, log=log))


def _syne_tune(data: lcbench.DataSet, seed: int, budget: int) -> Found:
    """Its ASHA with its random search; a trial that crosses the last epoch is let to its end."""
    from syne_tune.backend.trial_status import Trial as SyneTrial
    from syne_tune.optimizer.baselines import ASHA
    from synetuner import space

    scheduler = ASHA(
        space(lcbench.SPACE), "accuracy", "epoch", max_t=EPOCHS, grace_period=1, do_minimize=False, random_seed=seed
    )
    np.random.seed(seed)
    spent, number = 0, 0
    while spent < budget:
        trial = SyneTrial(number, scheduler.suggest().config, None)
        scheduler.on_trial_add(trial)
        for epoch, accuracy in enumerate(data.curve({name: str(value) for name, value in trial.config.items()}), 1):
            spent += 1
            decision = scheduler.on_trial_result(trial, {"accuracy": accuracy, "epoch": epoch})
            if epoch == EPOCHS:
                yield spent, accuracy
            elif decision == "STOP":
                break
        number += 1


TUNERS: dict[str, Way] = {
    "Sagewright, resuming": _own("Hyperband", resumable=True),
    "Sagewright, resuming, names": _own("Hyperband", resumable=True, names=True),
    "Sagewright, resuming, learned starts": _own("Hyperband", resumable=True, learned=True),
    "Sagewright, stopping": _own("Hyperband"),
    "Sagewright, stopping, names": _own("Hyperband", names=True),
    "Sagewright, median rule": _own("Random", early_stopping=True),
    "Optuna ASHA": _optuna(lambda: optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)),
    "Optuna Hyperband": _optuna(lambda: optuna.pruners.HyperbandPruner(1, EPOCHS, 3)),
    "Optuna median rule": _optuna(optuna.pruners.MedianPruner),
    "Syne Tune ASHA": _syne_tune,
    "random": _own("Random"),
}
SHORT = tuple(name for name in TUNERS if name != "Sagewright, median rule")
"""Those that can act within five trainings."""
