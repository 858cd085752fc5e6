"""Syne Tune as something to ask and to tell: its conformal quantile regression, the searcher that its own comparison puts first."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from syne_tune import config_space
from syne_tune.optimizer.baselines import CQR
from syne_tune.optimizer.schedulers.ask_tell_scheduler import AskTellScheduler

from sagewright.tuning.space import Categorical, Integer, Parameter, Scaling, Space
from sagewright.tuning.surrogates.lattice import Lattice


def space(asked: Space) -> dict[str, Any]:
    """Categories that are numbers in their order as integers."""
    ordered = ~Lattice(asked).categorical
    return {each.name: _one(each, bool(ordered[d])) for d, each in enumerate(asked.parameters)}


def _one(parameter: Parameter, ordered: bool) -> Any:
    if isinstance(parameter, Categorical):
        count = len(parameter.values)
        return config_space.randint(0, count - 1) if ordered else config_space.choice(list(parameter.values))
    log = parameter.scaling is Scaling.LOGARITHMIC
    if isinstance(parameter, Integer):
        return (config_space.lograndint if log else config_space.randint)(parameter.low, parameter.high)
    return (config_space.loguniform if log else config_space.uniform)(parameter.low, parameter.high)


class SyneTune:
    def __init__(self, asked: Space, seed: int, _: int) -> None:
        logging.getLogger("syne_tune").setLevel(logging.ERROR)
        np.random.seed(seed)
        self._space, self._ordered = asked, ~Lattice(asked).categorical
        self._scheduler = AskTellScheduler(base_scheduler=CQR(space(asked), "cost", random_seed=seed))
        self._trial: Any = None

    def ask(self) -> Mapping[str, str]:
        self._trial = self._scheduler.ask()
        told = self._trial.config
        return {
            each.name: each.values[int(told[each.name])]
            if isinstance(each, Categorical) and self._ordered[d]
            else str(told[each.name])
            for d, each in enumerate(self._space.parameters)
        }

    def tell(self, cost: float) -> None:
        self._scheduler.tell(self._trial, {"cost": cost})
