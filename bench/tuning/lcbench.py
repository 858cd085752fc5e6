"""LCBench's learning curves, by YAHPO's surrogate (https://github.com/slds-lmu/yahpo_data, folder lcbench, Apache 2.0).

34 data sets, 7 hyperparameters of a funnel-shaped net, 52 epochs. The folder isn't in any package: LCBENCH names it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
import onnxruntime
from simulation import SimulatedOutcome

from sagewright.tuning.points import uniform
from sagewright.tuning.space import Continuous, Integer, Scaling, Space

EPOCHS = 52
SPACE = Space(
    (
        Integer("batch_size", 16, 512, Scaling.LOGARITHMIC),
        Continuous("learning_rate", 1e-4, 0.1, Scaling.LOGARITHMIC),
        Continuous("max_dropout", 0.0, 1.0),
        Integer("max_units", 64, 1024, Scaling.LOGARITHMIC),
        Continuous("momentum", 0.1, 0.99),
        Integer("num_layers", 1, 5),
        Continuous("weight_decay", 1e-5, 0.1),
    )
)
_ORDER = ("", "batch_size", "learning_rate", "momentum", "weight_decay", "num_layers", "max_units", "max_dropout")
"""As the model has them; the first is the epoch."""
_ACCURACY = 1


@lru_cache(1)
def folder() -> Path | None:
    told = os.environ.get("LCBENCH")
    return Path(told) if told else None


@lru_cache(1)
def _model() -> tuple[onnxruntime.InferenceSession, dict[str, int]]:
    place = folder()
    assert place is not None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model = onnxruntime.InferenceSession(place / "model.onnx", options)
    return model, json.loads((place / "encoding.json").read_text())["OpenML_task_id"]


def names() -> list[str]:
    """The 34 data sets; the even ones chose the settings of the study that the searchers come from, the odd ones did not."""
    hyperparameters = json.loads((folder() / "config_space.json").read_text())["hyperparameters"]  # type: ignore[operator]
    return list(hyperparameters[0]["choices"])


class DataSet:
    def __init__(self, name: str) -> None:
        self.name = name
        drawn = [self.curve(uniform(SPACE, 77, number))[-1] for number in range(600)]
        self.best, self.middle = max(drawn), float(np.median(drawn))

    def curve(self, values: Mapping[str, str]) -> tuple[float, ...]:
        """Validation accuracy by epoch."""
        model, encoding = _model()
        row = [float(values[name]) if name else 0.0 for name in _ORDER]
        rows = np.tile(np.array(row, dtype=np.float32), (EPOCHS, 1))
        rows[:, 0] = np.arange(1, EPOCHS + 1)
        task = np.full((EPOCHS, 1), encoding[self.name], dtype=np.int32)
        found = model.run(None, {"x_cat": task, "x_cont": rows})[0][:, _ACCURACY]
        return tuple(float(value) for value in found)

    def problem(self, values: Mapping[str, str], _: int) -> SimulatedOutcome:
        return SimulatedOutcome(self.curve(values))

    def regret(self, accuracy: float | None) -> float:
        """0 for the best of 600 random trainings, 1 for the middling one."""
        reached = self.middle if accuracy is None else accuracy
        return (self.best - reached) / max(self.best - self.middle, 1e-9)
