"""Rescales columns: priors are then the same for a price and for a share, and years differ by little instead of being near 2000."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from sagewright.algorithms.factorization_machines.model import Machine
from sagewright.algorithms.firstparty.hosts import Group

USUAL = 0.5
"""A number that is present in this share of the rows is centred: its 0 doesn't mean absence."""
FAR = 300.0
"""A column this many deviations from 0 gets no factors: their effect on unscaled rows would exceed single precision."""


@dataclass(frozen=True)
class Units:
    """x becomes (x - `centre`) / `scale`, (d,) each; the centre is 0 for columns that most rows lack."""

    centre: np.ndarray
    scale: np.ndarray

    @property
    def flat(self) -> np.ndarray:
        """Mask (d,) of the columns that get no factors."""
        return np.asarray(np.abs(self.centre) > FAR * self.scale)

    def apply(self, x: Any) -> Any:
        """The rows in these units: a csr_matrix, float32, with sorted indices."""
        if (self.scale == 1).all() and not self.centre.any():
            return x
        data = x.data / self.scale[x.indices]
        moved = np.flatnonzero(self.centre)
        if not len(moved):
            return csr_matrix((data.astype(np.float32), x.indices, x.indptr), shape=x.shape)
        kept = ~np.isin(x.indices, moved)
        rows = np.repeat(np.arange(x.shape[0]), np.diff(x.indptr))
        dense = (x[:, moved].toarray().astype(np.float64) - self.centre[moved]) / self.scale[moved]
        places = np.concatenate([rows[kept], np.repeat(np.arange(x.shape[0]), len(moved))])
        columns = np.concatenate([x.indices[kept], np.tile(moved, x.shape[0])])
        out = csr_matrix((np.concatenate([data[kept], dense.ravel()]), (places, columns)), x.shape, np.float32)
        out.sort_indices()
        return out

    def raw(self, machine: Machine) -> Machine:
        """The same machine for unscaled rows."""
        factors = machine.factors / self.scale[:, None].astype(np.float32)
        linear = machine.linear.astype(np.float64) / self.scale
        moved = np.flatnonzero(self.centre)
        if not len(moved):
            return Machine(machine.bias, linear.astype(np.float32), factors)
        centre, those = self.centre[moved], factors[moved].astype(np.float64)
        own, pull = np.einsum("ij,ij->i", those, those), centre @ those
        bias = machine.bias - linear[moved] @ centre + float(pull @ pull - own @ centre**2) / 2
        linear -= factors @ pull
        linear[moved] += own * centre
        return Machine(float(bias), linear.astype(np.float32), factors)


def fit(x: Any, group: Group) -> Units:
    """Units of a csr_matrix: the root mean square of each column's stored values, or mean and deviation if most rows have it."""
    width = x.shape[1]
    wide = x.data.astype(np.float64)
    there = np.bincount(x.indices, wide != 0, width)
    sums = [there, np.bincount(x.indices, wide, width), np.bincount(x.indices, wide * wide, width)]
    count, total, square = group.total(np.stack(sums))
    rows = int(group.total(np.array([x.shape[0]]))[0])
    stored = np.maximum(count, 1)
    root = np.sqrt(square / stored)
    varies = root**2 - (total / stored) ** 2 > 1e-6 * root**2
    mean = total / rows
    spread = np.sqrt(np.maximum(square / rows - mean**2, 0))
    moved = varies & (count > USUAL * rows) & (spread > 1e-7 * np.abs(mean))
    scale = np.where(moved, spread, root)
    return Units(np.where(moved, mean, 0.0), np.where(scale > 0, scale, 1.0))
