"""The searchers and their peers, each as something to ask for a point and to tell what it cost."""

from __future__ import annotations

import dataclasses
import tempfile
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from sagewright.tuning.inprocess import searcher
from sagewright.tuning.space import Categorical, Continuous, Integer, Parameter, Scaling, Space
from sagewright.tuning.study import Study, Trial, TrialState
from sagewright.tuning.surrogates.lattice import Lattice


class Tuner(Protocol):
    def ask(self) -> Mapping[str, str]: ...

    def tell(self, cost: float) -> None:
        """Of the point that was asked for last."""
        ...


class Own:
    def __init__(self, space: Space, seed: int, trials: int, strategy: str = "Bayesian", names: bool = False) -> None:
        study = Study("bench", space, False, strategy, seed, trials, 1, names=names)
        self._searcher, self._trials = searcher(study), list[Trial]()
        self._asked: Mapping[str, str] = {}

    def ask(self) -> Mapping[str, str]:
        found = self._searcher.suggest(self._trials, 1)
        # Where all of the space has been tried, there is nothing left to ask.
        self._asked = found[0].values if found else self._trials[-1].values
        return self._asked

    def tell(self, cost: float) -> None:
        number = len(self._trials) + 1
        self._trials.append(Trial(number, self._asked, TrialState.COMPLETED, (cost,), cost))


class _Optuna:
    """Ranges as Optuna has them; categories that are numbers in their order as integers, which is best for it too."""

    def __init__(self, space: Space, sampler: Any) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.simplefilter("ignore")
        self._space, self._ordered = space, ~Lattice(space).categorical
        self._study = optuna.create_study(sampler=sampler)
        self._trial: Any = None

    def ask(self) -> Mapping[str, str]:
        self._trial = self._study.ask()
        return {each.name: self._one(d, each) for d, each in enumerate(self._space.parameters)}

    def _one(self, d: int, parameter: Parameter) -> str:
        if isinstance(parameter, Categorical):
            if self._ordered[d]:
                return parameter.values[self._trial.suggest_int(parameter.name, 0, len(parameter.values) - 1)]
            return str(self._trial.suggest_categorical(parameter.name, parameter.values))
        log = parameter.scaling is Scaling.LOGARITHMIC
        if isinstance(parameter, Integer):
            return str(self._trial.suggest_int(parameter.name, parameter.low, parameter.high, log=log))
        return repr(self._trial.suggest_float(parameter.name, parameter.low, parameter.high, log=log))

    def tell(self, cost: float) -> None:
        self._study.tell(self._trial, cost)


def optuna_tpe(space: Space, seed: int, _: int) -> Tuner:
    import optuna

    return _Optuna(space, optuna.samplers.TPESampler(seed=seed))


def optuna_gp(space: Space, seed: int, _: int) -> Tuner:
    import optuna
    import torch

    torch.set_num_threads(1)
    return _Optuna(space, optuna.samplers.GPSampler(seed=seed, deterministic_objective=False))


def _never(config: Any, seed: int) -> float:
    """SMAC looks at its arguments; it is asked and told, so that it calls nothing."""
    raise AssertionError(config, seed)


class Smac:
    def __init__(self, space: Space, seed: int, trials: int) -> None:
        import logging

        from ConfigSpace import ConfigurationSpace
        from smac import HyperparameterOptimizationFacade, Scenario

        self._space, self._ordered = space, ~Lattice(space).categorical
        told = ConfigurationSpace(seed=seed)
        told.add([self._one(d, each) for d, each in enumerate(space.parameters)])
        place = Path(tempfile.mkdtemp(prefix="smac-"))
        scenario = Scenario(told, n_trials=trials, seed=seed, deterministic=False, output_directory=place)
        self._facade = HyperparameterOptimizationFacade(
            scenario,
            _never,
            intensifier=HyperparameterOptimizationFacade.get_intensifier(scenario, max_config_calls=1),
            overwrite=True,
            logging_level=logging.ERROR,
        )
        self._info: Any = None

    def _one(self, d: int, parameter: Parameter) -> Any:
        import ConfigSpace

        name = parameter.name
        if isinstance(parameter, Categorical):
            if self._ordered[d]:
                return ConfigSpace.UniformIntegerHyperparameter(name, 0, len(parameter.values) - 1)
            return ConfigSpace.CategoricalHyperparameter(name, list(parameter.values))
        log = parameter.scaling is Scaling.LOGARITHMIC
        kind = (
            ConfigSpace.UniformFloatHyperparameter
            if isinstance(parameter, Continuous)
            else ConfigSpace.UniformIntegerHyperparameter
        )
        return kind(name, parameter.low, parameter.high, log=log)

    def ask(self) -> Mapping[str, str]:
        self._info = self._facade.ask()
        told = dict(self._info.config)
        return {
            each.name: each.values[told[each.name]]
            if isinstance(each, Categorical) and self._ordered[d]
            else str(told[each.name])
            for d, each in enumerate(self._space.parameters)
        }

    def tell(self, cost: float) -> None:
        from smac.runhistory import TrialValue

        self._facade.tell(self._info, TrialValue(cost=cost))


def _syne_tune(space: Space, seed: int, trials: int) -> Tuner:
    from synetuner import SyneTune

    return SyneTune(space, seed, trials)


def _hebo(space: Space, seed: int, trials: int) -> Tuner:
    from hebotuner import Hebo

    return Hebo(space, seed, trials)


TUNERS: dict[str, Callable[[Space, int, int], Tuner]] = {
    "Sagewright": Own,
    "Sagewright, names": lambda space, seed, trials: Own(space, seed, trials, names=True),
    "Optuna GP": optuna_gp,
    "Optuna TPE": optuna_tpe,
    "SMAC3": Smac,
    "Syne Tune CQR": _syne_tune,
    "HEBO": _hebo,
    "random": lambda space, seed, trials: Own(space, seed, trials, "Random"),
}


KNOWING = "knows the table"


class Knowing:
    """Tries a table's configurations once each, in the order of their true means: the limit for those who repeat none."""

    def __init__(self, problem: Any) -> None:
        self._rest = iter(problem.in_order())

    def ask(self) -> Mapping[str, str]:
        return next(self._rest)

    def tell(self, cost: float) -> None:
        pass


@dataclasses.dataclass(frozen=True)
class Course:
    """One tuner on one problem with one seed: how good what it would choose is after each trial, and its time."""

    better: tuple[float, ...]
    ms: float
    """CPU time a suggestion."""


def course(problem: Any, tuner: str, seed: int, trials: int) -> Course:
    """The choice after some trials is the point with the best value that was seen."""
    import time

    asked: Tuner = Knowing(problem) if tuner == KNOWING else TUNERS[tuner](problem.space, seed, trials)
    noise = np.random.default_rng([seed, 4242])
    best, chosen, better, spent = np.inf, {}, [], 0.0
    for _ in range(trials):
        began = time.process_time()
        values = asked.ask()
        spent += time.process_time() - began
        cost = problem.trial(values, noise)
        if cost < best:
            best, chosen = cost, values
        began = time.process_time()
        asked.tell(cost)
        spent += time.process_time() - began
        better.append(problem.better(chosen))
    return Course(tuple(better), 1000 * spent / trials)
