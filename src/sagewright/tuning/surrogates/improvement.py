"""Expected improvement as a logarithm, which still distinguishes points where the improvement underflows."""

from __future__ import annotations

import numpy as np
from scipy.special import erfcx, ndtr

from sagewright.tuning.surrogates.lattice import Floats

_LOG_ROOT_2PI = 0.5 * np.log(2 * np.pi)


def log_improvement(means: Floats, deviations: Floats, best: Floats) -> Floats:
    """Log of the mean improvement over particles; means and deviations (particles, points), best (particles,)."""
    z = (best[:, None] - means) / deviations
    each = np.log(deviations) + _log_h(z)
    most = each.max(axis=0)
    return np.asarray(np.log(np.exp(each - most).mean(axis=0)) + most)


def _log_h(z: Floats) -> Floats:
    """log(phi(z) + z Phi(z))"""
    found, far = np.empty_like(z), z <= -1.0
    near = z[~far]
    found[~far] = np.log(np.exp(-0.5 * near * near - _LOG_ROOT_2PI) + near * ndtr(near))
    found[far] = _log_h_far(np.minimum(-z[far], 1e8))
    return found


def _log_h_far(x: Floats) -> Floats:
    """log(phi(x) - x Phi(-x)) for x ≥ 1"""
    tail = np.where(x < 1e3, np.sqrt(np.pi / 2) * x * erfcx(x / np.sqrt(2)), 0.0)
    left = np.where(x < 1e3, np.log1p(-np.minimum(tail, 1 - 1e-15)), -2 * np.log(x))
    return np.asarray(-0.5 * x * x - _LOG_ROOT_2PI + left)
