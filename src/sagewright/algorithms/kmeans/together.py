"""Trials of k-means on few points, all at once: what a trial by itself would take is mostly calls."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def plus_plus(
    points: np.ndarray, weights: np.ndarray, count: int, randoms: Sequence[np.random.Generator]
) -> np.ndarray:
    """Returns the numbers (T, count) of the points (n, d) that greedy k-means++ chooses in each trial: each time, of 2 + log k
    candidates, the one that lowers the cost most.
    """
    points = points - points.mean(axis=0, dtype=np.float64).astype(points.dtype)  # products lose precision far from 0
    squares = np.einsum("ij,ij->i", points, points)
    columns = np.vstack([-2 * points.T, squares, np.ones_like(squares)])
    trials, number = np.arange(len(randoms)), len(points)
    share = weights / weights.sum()
    chosen = np.empty((len(randoms), count), np.int64)
    chosen[:, 0] = [random.choice(number, p=share) for random in randoms]
    drawn = np.stack([random.random((count - 1, 2 + int(np.log(count)))) for random in randoms])
    closest = np.maximum(_squared(columns, chosen[:, 0]), 0)
    for place in range(1, count):
        mass = np.cumsum(closest * weights, axis=1, dtype=np.float64)
        mass[mass[:, -1] <= 0] = np.arange(1, number + 1)  # every point is a centre already
        wanted = drawn[:, place - 1] * mass[:, -1:]
        picked = np.minimum((mass[:, None] < wanted[:, :, None]).sum(axis=2), number - 1)
        possible = _squared(columns, picked.ravel()).reshape(*picked.shape, number)
        np.minimum(possible, closest[:, None], out=possible)
        best = (possible @ weights).argmin(axis=1)
        chosen[:, place] = picked[trials, best]
        closest = np.maximum(possible[trials, best], 0)
    return chosen


def _squared(columns: np.ndarray, picked: np.ndarray) -> np.ndarray:
    """Returns (picked, n) squared distances, up to rounding, from columns of -2 x, the square of x, and 1."""
    own = columns[:, picked].T
    return np.asarray(np.column_stack([own[:, :-2] / -2, own[:, -1], own[:, -2]]) @ columns)


def refine(
    points: np.ndarray, weights: np.ndarray, centres: np.ndarray, iterations: int, tolerance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Runs Lloyd's steps from the centres (T, k, d) of each trial until its cost falls by no more than the share `tolerance`.
    Returns the centres and the costs (T,).
    """
    shift = np.average(points, axis=0, weights=weights).astype(points.dtype)
    points, found = points - shift, centres - shift
    wide = np.column_stack([points, np.ones(len(points), points.dtype)])
    total, heavy = weights.sum(dtype=np.float64), weights.astype(np.float64)
    costs, running = np.full(len(found), np.inf), np.arange(len(found))
    for _ in range(iterations):
        own = found[running]
        half = np.einsum("tkd,tkd->tk", own, own)[:, None] / -2
        chosen = (wide @ np.concatenate([own.transpose(0, 2, 1), half], axis=1)).argmax(axis=2)
        apart = points - own[np.arange(len(own))[:, None], chosen]
        before, after = costs[running], np.einsum("tnd,tnd->tn", apart, apart) @ heavy / total
        costs[running] = after
        goes_on = before - after > tolerance * after
        running = running[goes_on]
        if not len(running):
            break
        found[running] = _means(wide, weights, chosen[goes_on], own[goes_on])
    return found + shift, costs


def _means(wide: np.ndarray, weights: np.ndarray, chosen: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Returns the means (T, k, d) of each centre's points, whose last column is 1; centres without points stay where they are."""
    members = np.zeros((*chosen.shape, centres.shape[1]), wide.dtype)
    np.put_along_axis(members, chosen[:, :, None], weights[:, None], axis=2)
    sums = members.transpose(0, 2, 1) @ wide
    mass = sums[:, :, -1:]
    return np.where(mass > 0, sums[:, :, :-1] / np.where(mass > 0, mass, 1), centres)
