"""Early stopping on learning curves: what is found with the epochs of five full trainings, by us and by Optuna's pruners."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import lcbench
import numpy as np
import optuna

from sagewright.tuning.inprocess import InProcessMinds
from sagewright.tuning.loop import Rules
from sagewright.tuning.points import uniform
from sagewright.tuning.simulation import Simulation
from sagewright.tuning.space import Integer, Scaling
from sagewright.tuning.study import Study, whole_curves

EPOCHS = lcbench.EPOCHS
BUDGET = 5 * EPOCHS
_LEARNED = 4


def held(data: lcbench.DataSet, tuner: str, seed: int) -> dict[str, Any]:
    """Only configurations that were trained to the last epoch count."""
    began = time.process_time()
    reached = TUNERS[tuner](data, seed)
    return {"regret": round(data.regret(reached), 4), "s": round(time.process_time() - began, 2)}


def _own(strategy: str, **more: Any) -> Callable[[lcbench.DataSet, int], float | None]:
    def run(data: lcbench.DataSet, seed: int) -> float | None:
        told = {"most_trials": None, "max_resource": EPOCHS, "names": False} | more
        if told.pop("learned", False):
            told["starts"] = learned_starts()
        study = Study("bench", lcbench.SPACE, True, strategy, seed, most_parallel=1, **told)
        simulation = Simulation(study, Rules(None, 1), data.problem, InProcessMinds(), most_s=BUDGET)
        curves = whole_curves(simulation.run().trials).values()
        return max((curve[-1] for curve in curves if len(curve) == EPOCHS), default=None)

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


def _optuna(pruner: Callable[[], Any]) -> Callable[[lcbench.DataSet, int], float | None]:
    """A trial that crosses the last epoch that may be spent is let to its end."""

    def run(data: lcbench.DataSet, seed: int) -> float | None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed), pruner=pruner())
        spent, best = 0, None
        while spent < BUDGET:
            trial = study.ask()
            values = {each.name: _ask(trial, each) for each in lcbench.SPACE.parameters}
            for epoch, accuracy in enumerate(data.curve(values), 1):
                spent += 1
                trial.report(accuracy, epoch)
                if epoch == EPOCHS:
                    best = accuracy if best is None else max(best, accuracy)
                elif trial.should_prune():
                    break
            study.tell(trial, accuracy)
        return best

    return run


def _ask(trial: Any, each: Any) -> str:
    log = each.scaling is Scaling.LOGARITHMIC
    ask = trial.suggest_int if isinstance(each, Integer) else trial.suggest_float
    return str(ask(each.name, each.low, each.high, log=log))


TUNERS: dict[str, Callable[[lcbench.DataSet, int], float | None]] = {
    "Sagewright, resuming": _own("Hyperband", resumable=True, epochs=BUDGET),
    "Sagewright, resuming, names": _own("Hyperband", resumable=True, epochs=BUDGET, names=True),
    "Sagewright, resuming, learned starts": _own("Hyperband", resumable=True, epochs=BUDGET, learned=True),
    "Sagewright, stopping": _own("Hyperband"),
    "Optuna ASHA": _optuna(lambda: optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)),
    "Optuna Hyperband": _optuna(lambda: optuna.pruners.HyperbandPruner(1, EPOCHS, 3)),
    "Optuna median rule": _optuna(optuna.pruners.MedianPruner),
    "random": _own("Random"),
}
