"""The optimum of the logistic and the squared loss on dense rows, with second derivatives.

Squared loss: the normal equations, from one pass. Logistic loss: Newton's method on a sample, then steps with the sample's second
derivatives and all rows' slopes, each of which takes the model some n / d times nearer to the optimum of all rows.
Source: F. Roosta-Khorasani and M. Mahoney, "Sub-Sampled Newton Methods I", 2016.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.firstparty.led import Led
from sagewright.algorithms.firstparty.source import Batch
from sagewright.algorithms.linear_learner.learner import Examples, Weights
from sagewright.algorithms.linear_learner.losses import logistic
from sagewright.algorithms.linear_learner.mix import Mix

MOST_STEPS = 50
SMALL = 1e-9
"""Added to second derivatives, as a share of them: columns that say the same are then no division by 0."""
SAMPLE, SAMPLE_A_FEATURE = 20_000, 20


def sample_rows(columns: int) -> int:
    """How many rows the second derivatives are taken from."""
    return max(SAMPLE, SAMPLE_A_FEATURE * columns)


@dataclass(frozen=True)
class Rows:
    """This host's rows. `blocks` gives all of them, prepared, each time; `total` is how many all hosts have."""

    blocks: Callable[[], Iterator[Batch]]
    columns: int
    total: int
    use_bias: bool


def least_squares(rows: Rows, mix: Mix, bias_decay: float, group: Group) -> tuple[Weights, np.ndarray]:
    """All models' weights, and their mean losses (M,) on the rows."""
    size = rows.columns + 1
    products, right, squares = np.zeros((size, size)), np.zeros(size), 0.0
    for x, y in rows.blocks():
        wide = _with_ones(x, rows.use_bias)
        products += wide.T @ wide
        right += wide.T @ y
        squares += float(y @ y)
    summed = group.total(np.concatenate([products.ravel(), right, [squares]])) / rows.total
    products, right, squares = summed[: size * size].reshape(size, size), summed[size * size : -1], summed[-1]
    found = [_factored(2 * products, _penalty(wd, bias_decay, size), 2 * right) for wd in mix.wd]
    losses = [float(squares - 2 * right @ each + each @ products @ each) for each in found]
    return _weights(np.column_stack(found)), np.maximum(losses, 0)


def _with_ones(x: np.ndarray, use_bias: bool) -> np.ndarray:
    wide = np.empty((len(x), x.shape[1] + 1), np.float32)
    wide[:, :-1] = x
    wide[:, -1] = use_bias
    return wide


def _penalty(wd: float, bias_decay: float, size: int) -> np.ndarray:
    penalty = np.full(size, wd)
    penalty[-1] *= bias_decay
    return penalty


def _factored(second: np.ndarray, penalty: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.asarray(cho_solve(_factor(second, penalty), right))


def _factor(second: np.ndarray, penalty: np.ndarray) -> tuple[np.ndarray, bool]:
    """Of the second derivatives with their penalty; raised until it is one in spite of rounding."""
    curves = np.diag(second)
    least = SMALL * np.maximum(curves, max(1e-12 * float(curves.max()), 1e-12))
    while True:
        try:
            return tuple(cho_factor(second + np.diag(penalty + least)))
        except np.linalg.LinAlgError:
            least *= 10


def _weights(columns: np.ndarray) -> Weights:
    return Weights(columns[:-1].astype(np.float32), columns[-1].astype(np.float32))


@dataclass
class Solved:
    """One model on the sample: its weights (d + 1,), its second derivatives there without the penalty, and its mean loss."""

    weights: np.ndarray
    second: np.ndarray
    loss: float


def on_sample(
    x: np.ndarray, y: np.ndarray, weights: np.ndarray | None, penalty: np.ndarray, begun: np.ndarray
) -> Solved:
    """The optimum of the logistic loss on rows `x` (n, d + 1), whose last column is the bias's."""
    at, step, best = begun, np.zeros_like(begun), np.inf
    for _ in range(MOST_STEPS):
        losses, slopes = (each[:, 0] for each in logistic((x @ at.astype(np.float32))[:, None], y))
        curves = np.abs(slopes) * (1 - np.abs(slopes))
        if weights is not None:
            losses, slopes, curves = losses * weights, slopes * weights, curves * weights
        mean = float(losses.mean(dtype=np.float64))
        loss = mean + float(penalty @ (at * at)) / 2
        if loss > best * (1 + 1e-6):  # too far
            step = step / 2
            at = at + step
            continue
        best = loss
        bent = x * np.sqrt(curves)[:, None]
        second = (bent.T @ bent).astype(np.float64) / len(x)
        slope = (x.T @ slopes).astype(np.float64) / len(x) + penalty * at
        step = _factored(second, penalty, slope)
        gain = float(slope @ step) / 2
        at = at - step
        if gain < 1e-6 * best + 1e-9:
            break
    return Solved(at, second, mean)


class Logistic:
    """The logistic loss on all rows."""

    def __init__(self, rows: Rows, examples: Examples, mix: Mix, bias_decay: float, group: Group) -> None:
        self.rows, self.examples, self.mix, self.group = rows, examples, mix, group
        self._alive = np.arange(mix.models)
        self._penalties = [_penalty(wd, bias_decay, rows.columns + 1) for wd in mix.wd]

    def solve(self, sample: Batch, steps: int, tolerance: float) -> tuple[Weights, np.ndarray]:
        """All models' weights, the same at all hosts, and their mean losses. `sample` are this host's rows of it; `steps` passes
        over all rows are made at most, until less than the share `tolerance` of the loss is to be gained.
        """
        parts = self.group.to_first(sample)
        led = Led(self.group, self._part)
        if parts is None:
            led.follow()
            return self.group.from_first(None), self.group.from_first(None)
        x, y = (np.concatenate(each) for each in zip(*parts, strict=True))
        solved = self._on_sample(_with_ones(x, self.rows.use_bias), y)
        if len(y) < self.rows.total:
            self._on_all(solved, led, steps, tolerance)
        led.end()
        found = self.group.from_first(_weights(np.column_stack([each.weights for each in solved])))
        return found, self.group.from_first(np.array([each.loss for each in solved]))

    def _on_sample(self, x: np.ndarray, y: np.ndarray) -> list[Solved]:
        """The models with the largest penalty first: each begins where the one before ended."""
        weights = self.examples.weights(y, self._alive)
        found: dict[int, Solved] = {}
        at = np.zeros(x.shape[1])
        for number in np.argsort(-self.mix.wd, kind="stable"):
            own = None if weights is None else weights[:, min(number, weights.shape[1] - 1)]
            found[int(number)] = on_sample(x, y, own, self._penalties[number], at)
            at = found[int(number)].weights
        return [found[number] for number in range(self.mix.models)]

    def _on_all(self, solved: list[Solved], led: Led, steps: int, tolerance: float) -> None:
        """Move the models to the optimum of all rows."""
        models, size = self.mix.models, self.rows.columns + 1
        factors: list[tuple[np.ndarray, bool]] = []
        moves = np.zeros((size, models))
        best = np.full(models, np.inf)
        for number in range(steps):
            at = np.column_stack([each.weights for each in solved])
            answer = led(np.column_stack([at, np.full(size, float(number == 0))]))
            losses, slopes, bends = self._split(answer)
            if not number:
                factors = [
                    _factor(each.second + np.diag(np.maximum(bend - np.diag(each.second), 0)), penalty)
                    for each, bend, penalty in zip(solved, bends.T, self._penalties, strict=True)
                ]
            gains = np.zeros(models)
            for model, (each, penalty) in enumerate(zip(solved, self._penalties, strict=True)):
                loss = losses[model] + float(penalty @ (each.weights**2)) / 2
                if loss > best[model] * (1 + 1e-6):
                    moves[:, model] /= 2
                    each.weights, gains[model] = each.weights + moves[:, model], np.inf
                    continue
                best[model], each.loss = loss, float(losses[model])
                slope = slopes[:, model] + penalty * each.weights
                moves[:, model] = cho_solve(factors[model], slope)
                gains[model] = float(slope @ moves[:, model]) / 2 / max(loss, 1e-9)
                each.weights = each.weights - moves[:, model]
            if gains.max() < tolerance:
                break

    def _part(self, argument: np.ndarray) -> np.ndarray:
        """This host's share, of all models, of the mean losses, the slopes and, where the last column of `argument` asks for it,
        the second derivatives' diagonals.
        """
        at, bent = argument[:, :-1].astype(np.float32), bool(argument[0, -1])
        size, models = at.shape
        sums = np.zeros((1 + 2 * size, models))
        for x, y in self.rows.blocks():
            losses, slopes = logistic(x @ at[:-1] + at[-1] * self.rows.use_bias, y)
            weights = self.examples.weights(y, self._alive)
            curves = np.abs(slopes) * (1 - np.abs(slopes)) if bent else None
            if weights is not None:
                losses, slopes = losses * weights, slopes * weights
                curves = None if curves is None else curves * weights
            sums[0] += losses.sum(axis=0)
            sums[1:size] += x.T @ slopes
            sums[size] += slopes.sum(axis=0) * self.rows.use_bias
            if curves is not None:
                sums[1 + size : -1] += np.square(x).T @ curves
        return sums / self.rows.total

    def _split(self, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        size = self.rows.columns + 1
        return sums[0], sums[1 : 1 + size], sums[1 + size :]
