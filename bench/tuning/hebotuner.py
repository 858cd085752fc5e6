"""HEBO as something to ask and to tell; in an environment of its own, see clients/tuning-hebo.txt."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from hebo.design_space.design_space import DesignSpace
from hebo.optimizers.hebo import HEBO

from sagewright.tuning.space import Categorical, Integer, Parameter, Scaling, Space
from sagewright.tuning.surrogates.lattice import Lattice


class Hebo:
    def __init__(self, space: Space, seed: int, _: int) -> None:
        warnings.simplefilter("ignore")
        torch.set_num_threads(1)
        self._space, self._ordered = space, ~Lattice(space).categorical
        told = DesignSpace().parse([self._one(each, bool(self._ordered[d])) for d, each in enumerate(space.parameters)])
        self._search = HEBO(told, scramble_seed=seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        self._asked: Any = None

    def _one(self, parameter: Parameter, ordered: bool) -> dict[str, Any]:
        if isinstance(parameter, Categorical):
            if ordered:
                return {"name": parameter.name, "type": "int", "lb": 0, "ub": len(parameter.values) - 1}
            return {"name": parameter.name, "type": "cat", "categories": list(parameter.values)}
        log = parameter.scaling is Scaling.LOGARITHMIC
        kind = ("pow_int" if log else "int") if isinstance(parameter, Integer) else ("pow" if log else "num")
        return {"name": parameter.name, "type": kind, "lb": parameter.low, "ub": parameter.high}

    def ask(self) -> Mapping[str, str]:
        self._asked = self._search.suggest(1)
        told = self._asked.iloc[0].to_dict()
        return {
            each.name: each.values[int(told[each.name])]
            if isinstance(each, Categorical) and self._ordered[d]
            else str(told[each.name])
            for d, each in enumerate(self._space.parameters)
        }

    def tell(self, cost: float) -> None:
        self._search.observe(self._asked, np.array([[cost]]))
