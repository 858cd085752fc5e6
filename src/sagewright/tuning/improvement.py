"""Expected improvement, by its logarithm: it still tells points apart where it is too small for a number."""

from __future__ import annotations

import numpy as np
from scipy.special import erfcx, logsumexp, ndtr

from sagewright.tuning.lattice import Floats

_LOG_ROOT_2PI = 0.5 * np.log(2 * np.pi)


def log_improvement(means: Floats, deviations: Floats, best: Floats) -> Floats:
    """Of the mean over particles; means and deviations (particles, points), best (particles,)."""
    z = (best[:, None] - means) / deviations
    return np.asarray(logsumexp(np.log(deviations) + _log_h(z), axis=0) - np.log(len(means)))


def _log_h(z: Floats) -> Floats:
    """log(phi(z) + z Phi(z))"""
    near = np.maximum(z, -1.0)
    direct = np.log(np.exp(-0.5 * near * near - _LOG_ROOT_2PI) + near * ndtr(near))
    far = np.clip(-z, 1.0, 1e8)
    tail = np.where(far < 1e3, np.sqrt(np.pi / 2) * far * erfcx(far / np.sqrt(2)), 0.0)
    left = np.where(far < 1e3, np.log1p(-np.minimum(tail, 1 - 1e-15)), -2 * np.log(far))
    return np.where(z > -1.0, direct, -0.5 * far * far - _LOG_ROOT_2PI + left)
