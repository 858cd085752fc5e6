"""Objectives transformed for a Gaussian process: lower is better, centred, of unit size, with the bad ones compressed."""

from __future__ import annotations

import numpy as np

from sagewright.tuning.surrogates.lattice import Floats


def targets(costs: Floats) -> Floats:
    """The better half keeps its distances and sets the unit; beyond the median, distances grow only logarithmically."""
    if costs.size == 0:
        return costs
    halves = costs / 2  # their sums and differences stay within the range of floating-point numbers
    apart = halves - np.median(halves)
    apart = apart / (float(np.abs(apart).max()) or 1.0)
    good = apart[apart < 0]
    unit = float(np.sqrt(np.mean(np.square(good)))) if good.size else 1.0
    bent = apart / max(unit, 1e-9)
    bent = np.where(bent > 0, np.log1p(np.maximum(bent, 0)), bent)
    bent = bent - bent.mean()
    size = float(bent.std())
    return bent / size if size > 1e-12 else np.zeros_like(bent)
