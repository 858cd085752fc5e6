"""Prior knowledge from hyperparameters' names: where good values tend to be.

The knowledge is weak, and only a direction: the searcher learns how far to trust it. Unknown names have no effect.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from sagewright.tuning.space import Categorical, Parameter, Space
from sagewright.tuning.surrogates.lattice import Floats, Ints, Lattice

_Score = Callable[[float], float]


def _around(centre: float, decades: float) -> _Score:
    """Best at the centre, worse by 1 at a distance of `decades`."""
    return lambda value: -min(((math.log10(max(value, 1e-300) / centre)) / decades) ** 2, 4.0)


def _near(centre: float, width: float) -> _Score:
    return lambda value: -min(((value - centre) / width) ** 2, 4.0)


def _more(decades: float) -> _Score:
    return lambda value: math.log10(max(value, 1e-300)) / decades


_RATES = ("lr", "learning_rate", "learning_rate_init", "init_lr", "base_lr")
_TREES = {
    "max_depth",
    "num_leaves",
    "max_leaves",
    "min_child_weight",
    "min_child_samples",
    "min_data_in_leaf",
    "min_samples_leaf",
}
"""Names of hyperparameters of trees, whose learning rate is another one than that of networks."""
_NUMBERS: dict[str, _Score] = {
    **dict.fromkeys(_RATES, _around(2e-3, 1.0)),
    "eta": _around(0.1, 0.7),
    **dict.fromkeys(["weight_decay", "wd", "l2", "l1", "alpha", "lambda"], _around(1e-5, 3.0)),
    **dict.fromkeys(["dropout", "dropout_rate", "dropout_1", "dropout_2", "max_dropout"], _near(0.1, 0.4)),
    **dict.fromkeys(["units", "width", "hidden_size", "hidden_layer_size", "n_units", "max_units"], _more(1.0)),
    **dict.fromkeys(["batch_size", "mini_batch_size"], _around(32, 1.0)),
    "momentum": _near(0.9, 0.3),
    **dict.fromkeys(["num_round", "n_estimators", "num_boost_round", "epochs"], _more(1.0)),
    "max_depth": _around(6, 0.4),
    **dict.fromkeys(["subsample", "colsample_bytree", "feature_fraction", "bagging_fraction"], _near(0.8, 0.3)),
    "gamma": _near(0.0, 3.0),
    "min_child_weight": _around(1.0, 1.0),
}  # fmt: skip
_CHOICES: dict[str, dict[str, float]] = {
    "activation": {"relu": 0.0, "gelu": 0.0, "tanh": -1.0, "sigmoid": -2.0},
    "activation_fn": {"relu": 0.0, "gelu": 0.0, "tanh": -1.0, "sigmoid": -2.0},
    "lr_schedule": {"cosine": 0.0, "const": -1.0, "constant": -1.0},
    "optimizer": {"adam": 0.0, "adamw": 0.0, "sgd": -0.5, "rmsprop": -0.5, "adagrad": -1.0},
}


@dataclass(frozen=True)
class NameScores:
    """A score for each level of each range, with mean 0 and unit size over the space."""

    levels: tuple[Floats, ...]
    centre: float = 0.0
    unit: float = 1.0

    @property
    def known(self) -> bool:
        return bool(self.levels)

    @classmethod
    def silent(cls) -> NameScores:
        return cls(())

    @classmethod
    def of_names(cls, space: Space, lattice: Lattice, pool: Ints) -> NameScores:
        """`pool` are points from all over the space."""
        known = _NUMBERS
        if _TREES & {_plain(each) for each in space.parameters}:
            known = {**_NUMBERS, **dict.fromkeys(_RATES, _NUMBERS["eta"])}
        scores = cls(tuple(_of_range(each, lattice.level_places(d), known) for d, each in enumerate(space.parameters)))
        drawn = scores.of(pool)
        return cls(scores.levels, float(drawn.mean()), float(drawn.std())) if drawn.std() > 1e-9 else cls.silent()

    def of(self, levels: Ints) -> Floats:
        """Higher where good values are likelier; zeros if no name is known."""
        total = np.zeros(len(levels))
        for d, scores in enumerate(self.levels):
            total += scores[levels[:, d]]
        return (total - self.centre) / self.unit


def _plain(parameter: Parameter) -> str:
    return parameter.name.lower().replace("-", "_")


def _of_range(parameter: Parameter, places: Floats, known: Mapping[str, _Score]) -> Floats:
    plain = _plain(parameter)
    if isinstance(parameter, Categorical) and plain in _CHOICES:
        return np.array([_CHOICES[plain].get(value.lower(), -0.5) for value in parameter.values])
    if plain in known:
        with contextlib.suppress(ValueError):
            return np.array([known[plain](float(parameter.value(float(place)))) for place in places])
    return np.zeros(len(places))
