"""Finds the optimum of the logistic and the squared loss on dense rows, with second derivatives.

Squared loss: the normal equations, from one pass. Logistic loss: Newton's method on a sample, then steps with the sample's second
derivatives and all rows' slopes, each of which brings the model roughly n / d times nearer to the optimum of all rows. Where these
steps don't converge, L-BFGS continues from the best point, in coordinates that make the sample's second derivatives the identity.
Source: F. Roosta-Khorasani and M. Mahoney, "Sub-Sampled Newton Methods I", 2016; D. Liu and J. Nocedal, "On the limited memory BFGS
method for large scale optimization", Mathematical Programming 45, 1989.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.firstparty.led import Led
from sagewright.algorithms.firstparty.rows.source import Batch
from sagewright.algorithms.linear_learner import quasi_newton
from sagewright.algorithms.linear_learner.learner import Examples, Weights
from sagewright.algorithms.linear_learner.losses import logistic
from sagewright.algorithms.linear_learner.mix import Mix
from sagewright.algorithms.ridge import averages

MOST_STEPS, MOST_PASSES = 50, 300
"""Limits on the steps of Newton's method on a sample, and on the passes of L-BFGS where these do not suffice."""
BLOCK = 1024
"""Rows that are in double precision at once."""
SMALL = 1e-9
"""Added to second derivatives, as a share of them, so that identical columns cause no division by 0."""
NEAR, NEAREST = 1e-3, 1e-6
"""Convergence thresholds as shares of the loss: on a sample, which steps on all rows then refine, and on all rows."""
ROUNDING = 1e-7
"""Shares of the largest square that sums in single precision can't tell from 0."""
MOST_GUESSES = 20
"""Limit on guesses which weights an l1 leaves at 0."""
MOST_HALVINGS = 4
"""Limit on halvings of a step on all rows that went too far; beyond it the sample's second derivatives do not fit all rows."""
PASSES_A_STEP = 10
"""Passes of L-BFGS for each step on all rows."""
Factor = tuple[np.ndarray, bool]


@dataclass(frozen=True)
class Rows:
    """This host's rows. `blocks` yields all of them, prepared, at each call; `total` is the number of all hosts' rows."""

    blocks: Callable[[], Iterator[Batch]]
    columns: int
    total: int
    use_bias: bool


@dataclass(frozen=True)
class Sums:
    """Means over all rows: the `products` (d + 1, d + 1) of features and a 1 with each other, `right` (d + 1,) with the label, and
    the label's `squares`.
    """

    products: np.ndarray
    right: np.ndarray
    squares: float


def sums(rows: Rows, group: Group) -> Sums:
    """Computes what the squared loss needs, in one pass."""
    size = rows.columns + 1
    products, right, squares = np.zeros((size, size)), np.zeros(size), 0.0
    for x, y in rows.blocks():
        wide = _with_ones(x, rows.use_bias)
        products += wide.T @ wide
        right += wide.T @ y
        squares += float(y @ y)
    summed = group.total(np.concatenate([products.ravel(), right, [squares]])) / rows.total
    return Sums(summed[: size * size].reshape(size, size), summed[size * size : -1], float(summed[-1]))


def least_squares(rows: Rows, mix: Mix, bias_decay: float, group: Group) -> tuple[Weights, np.ndarray]:
    """Returns all models' weights, and their mean losses (M,) on the rows."""
    if rows.total < rows.columns and group.size == 1 and not mix.l1.any():
        return _few_rows(rows, mix, bias_decay)
    return solved(sums(rows, group), mix, bias_decay)


def solved(known: Sums, mix: Mix, bias_decay: float) -> tuple[Weights, np.ndarray]:
    """Returns the same from the sums."""
    products, right, size = known.products, known.right, len(known.right)
    found = []
    for wd, l1 in zip(mix.wd, mix.l1, strict=True):
        at = _factored(2 * products, _penalty(wd, bias_decay, size), 2 * right)
        found.append(_thinned(products, right, _penalty(wd, bias_decay, size), float(l1), at) if l1 else at)
    losses = [float(known.squares - 2 * right @ each + each @ products @ each) for each in found]
    return _weights(np.column_stack(found)), np.maximum(losses, 0)


def penalty(known: Sums, rows: int, use_bias: bool) -> float:
    """Returns the penalty on half the squares for the mean loss that is likely to lose least at other rows, by generalised
    cross-validation and the prior of `averages`. Source: G. Golub, M. Heath and G. Wahba, "Generalized Cross-Validation as a Method
    for Choosing a Good Ridge Parameter", Technometrics 21, 1979.
    """
    means = known.products[:-1, -1] * use_bias
    level = known.right[-1] * use_bias
    curves, turn = np.linalg.eigh(known.products[:-1, :-1] - np.outer(means, means))
    along = np.square(turn.T @ (known.right[:-1] - level * means))
    kept = curves > ROUNDING * max(float(curves[-1]), ROUNDING)
    curves, along = curves[kept], along[kept]
    tried = averages.penalties(len(means), 0.5, averages.WEAKEST)
    shrunk = curves[:, None] + tried / rows
    left = known.squares - level * level - along @ ((shrunk + tried / rows) / np.square(shrunk))
    free = 1 - (use_bias + (curves[:, None] / shrunk).sum(axis=0)) / rows
    losses = np.maximum(left, ROUNDING * known.squares) / np.square(free)
    shares = averages.shares(averages.log_likelihood(losses, rows, squared=True), tried, len(means))
    return float(2 * tried[shares.argmax()] / rows)


def corner(second: np.ndarray, wd: float, bias_decay: float) -> np.ndarray:
    """Returns the upper Cholesky factor of second derivatives, (d + 1, d + 1), and a penalty."""
    return np.triu(_factor(second, _penalty(wd, bias_decay, len(second)))[0])


def _few_rows(rows: Rows, mix: Mix, bias_decay: float) -> tuple[Weights, np.ndarray]:
    """Returns the same from the products of the rows with each other, which are fewer than those of the features. A free bias is
    that of centred rows; one with a penalty is one more feature.
    """
    parts = list(rows.blocks())
    x, y = (np.concatenate(each).astype(np.float64) for each in zip(*parts, strict=True))
    centred = rows.use_bias and not bias_decay
    middle, level = (x.mean(axis=0), y.mean()) if centred else (np.zeros(x.shape[1]), 0.0)
    x, y = x - middle, y - level
    products = x @ x.T + (1 / bias_decay if rows.use_bias and bias_decay else 0.0)
    shares = np.column_stack([_factored(products, np.full(len(y), rows.total * wd / 2), y) for wd in mix.wd])
    features = x.T @ shares
    bias = level - middle @ features + (shares.sum(axis=0) / bias_decay if rows.use_bias and bias_decay else 0.0)
    losses = np.square(y[:, None] - products @ shares).mean(axis=0)
    return Weights(features.astype(np.float32), np.asarray(bias, np.float32)), losses


def _thinned(products: np.ndarray, right: np.ndarray, penalty: np.ndarray, l1: float, at: np.ndarray) -> np.ndarray:
    """Returns the weights with the lowest squared loss and an l1, starting from those without."""
    found = _by_signs(products, right, penalty, l1, at)
    if found is not None:
        return found

    def evaluate(weights: np.ndarray) -> tuple[float, np.ndarray]:
        along = products @ weights
        value = weights @ along - 2 * right @ weights + penalty @ (weights * weights) / 2
        return float(value), 2 * (along - right) + penalty * weights

    return quasi_newton.sparse_optimum(
        evaluate, at, l1, 1, {"maxfun": 10_000, "maxiter": 10_000, "ftol": 1e-12, "gtol": 1e-7}
    )


def _by_signs(
    products: np.ndarray, right: np.ndarray, penalty: np.ndarray, l1: float, at: np.ndarray
) -> np.ndarray | None:
    """Returns the same by guesses which weights are not 0, and of which sign; None if MOST_GUESSES do not settle."""
    signs = np.sign(at)
    signs[-1] = 0.0
    kept = np.append(signs[:-1] != 0, True)
    for _ in range(MOST_GUESSES):
        chosen = np.flatnonzero(kept)
        found = np.zeros(len(at))
        own = 2 * products[np.ix_(chosen, chosen)]
        found[chosen] = _factored(own, penalty[chosen], (2 * right - l1 * signs)[chosen])
        slopes = 2 * (right - products @ found) - penalty * found
        crossed = kept & (found * signs < 0)
        missed = ~kept & (np.abs(slopes) > l1 * (1 + NEAR) + NEAREST)
        if not crossed.any() and not missed.any():
            return found
        signs = np.where(missed, np.sign(slopes), np.where(crossed, 0.0, signs))
        kept = (kept | missed) & ~crossed
    return None


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


def _factor(second: np.ndarray, penalty: np.ndarray) -> Factor:
    """Returns a Cholesky factor of the second derivatives plus penalty; raises their diagonal until rounding permits one."""
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
    """One model: the best weights (d + 1,) examined, the mean loss there, and the second derivatives of the sample near them
    without the penalty. `gain` is the share of the loss that a step from there promises.
    """

    weights: np.ndarray
    second: np.ndarray
    loss: float
    gain: float = 0.0


def on_sample(sample: Sample, penalty: np.ndarray, begun: np.ndarray, nearness: float) -> Solved:
    """Returns the optimum of the logistic loss on the rows of a sample, to within the share `nearness` of the loss."""
    x, y, weights = sample.x, sample.y, sample.weights
    found = Solved(begun, np.eye(len(begun)), np.inf)
    at, step, best = begun, np.zeros_like(begun), np.inf
    for _ in range(MOST_STEPS):
        with np.errstate(
            invalid="ignore"
        ):  # BLAS sets the flag for lanes beyond a row's end; a loss that is NaN is too far
            scores = x @ at.astype(np.float32)
        losses, slopes = (each[:, 0] for each in logistic(scores[:, None], y))
        curves = np.abs(slopes) * (1 - np.abs(slopes)) * weights
        mean = float(losses @ weights) / sample.total
        loss = mean + float(penalty @ (at * at)) / 2
        if not loss <= best * (1 + 1e-6):  # too far
            step = step / 2
            at = found.weights - step
            continue
        best = min(best, loss)
        bent = x * np.sqrt(curves)[:, None]
        second = (bent.T @ bent).astype(np.float64) / sample.total
        slope = (x.T @ (slopes * weights)).astype(np.float64) / sample.total + penalty * at
        step = _factored(second, penalty, slope)
        gain = float(slope @ step) / 2
        found = Solved(at, second, mean, gain / max(best, 1e-9))
        at = at - step
        if gain < nearness * best + 1e-9:
            return found
    return _by_slopes(sample, penalty, begun)


def _by_slopes(sample: Sample, penalty: np.ndarray, begun: np.ndarray) -> Solved:
    """Returns the optimum by L-BFGS in double precision, where Newton's steps come to nothing: if some rows are far from the
    others, second derivatives hold only nearby, and these rows' sums hide what the others say.
    """

    def penalised(at: np.ndarray) -> tuple[float, np.ndarray]:
        loss, slope = float(penalty @ (at * at)) / 2, penalty * at
        for x, y, weights in sample.blocks():
            losses, slopes = (each[:, 0] for each in logistic((x @ at)[:, None], y))
            loss += float(losses @ weights) / sample.total
            slope += x.T @ (slopes * weights) / sample.total
        return loss, slope

    options = {"maxfun": MOST_PASSES, "maxiter": MOST_PASSES, "gtol": 0.0, "ftol": NEAREST / 100, "maxcor": 20}
    at = quasi_newton.lbfgs(penalised, begun, options)
    second = np.zeros((len(at), len(at)))
    for x, y, weights in sample.blocks():
        slopes = np.abs(logistic((x @ at)[:, None], y)[1][:, 0])
        second += (x.T * (slopes * (1 - slopes) * weights)) @ x / sample.total
    return Solved(at, second, penalised(at)[0] - float(penalty @ (at * at)) / 2)


@dataclass(frozen=True)
class Sample:
    """Rows `x` (n, d + 1), whose last column is the bias's, labels and weights, which add up to the weight of all `total` rows."""

    x: np.ndarray
    y: np.ndarray
    weights: np.ndarray
    total: float

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yields the rows in double precision, a few at a time."""
        for start in range(0, len(self.y), BLOCK):
            part = slice(start, start + BLOCK)
            yield self.x[part].astype(np.float64), self.y[part], self.weights[part]


class Logistic:
    """The logistic loss on all rows."""

    def __init__(self, rows: Rows, examples: Examples, mix: Mix, bias_decay: float, group: Group) -> None:
        self.rows, self.examples, self.mix, self.group = rows, examples, mix, group
        self._alive = np.arange(mix.models)
        self.start: np.ndarray | None = None
        """Weights (d + 1,) that the first model starts from on the sample."""
        self.second: np.ndarray | None = None
        """The second derivatives of the first model's mean loss, once it is solved for, at all hosts."""
        self._penalties = [_penalty(wd, bias_decay, rows.columns + 1) for wd in mix.wd]

    def solve(
        self, sample: Batch, shares: tuple[float, float], begun: np.ndarray, steps: int, tolerance: float
    ) -> tuple[Weights, np.ndarray]:
        """Returns all models' weights, the same at all hosts, and their mean losses. `sample` holds this host's rows of the sample,
        with the `shares` of all rows of either class; `begun` (M,) are the models' initial biases. Makes `steps` passes over all
        rows at most, and more if they don't suffice, until the expected gain is less than the share `tolerance` of the loss.
        """
        parts = self.group.to_first(sample)
        led = Led(self.group, self._part)
        if parts is None:
            led.follow()
            self.second = self.group.from_first(None)
            return self.group.from_first(None), self.group.from_first(None)
        x, y = (np.concatenate(each) for each in zip(*parts, strict=True))
        solved = self._on_sample(_with_ones(x, self.rows.use_bias), y, np.array(shares), begun)
        if len(y) < self.rows.total:
            self._on_all(solved, led, steps, tolerance)
        if max(each.gain for each in solved) > tolerance:
            self._go_on(solved, led, steps * PASSES_A_STEP, tolerance)
        led.end()
        self.second = self.group.from_first(solved[0].second)
        found = self.group.from_first(_weights(np.column_stack([each.weights for each in solved])))
        return found, self.group.from_first(np.array([each.loss for each in solved]))

    def _on_sample(self, x: np.ndarray, y: np.ndarray, shares: np.ndarray, begun: np.ndarray) -> list[Solved]:
        """Solves for the models in descending order of penalty: each starts from the previous optimum if it has the same example
        weights.
        """
        weights = self.examples.weights(y, self._alive)
        of_class = (1 / shares)[y.astype(np.int64)]
        found: dict[int, Solved] = {}
        last: dict[float, np.ndarray] = {}
        for number in np.argsort(-self.mix.wd, kind="stable"):
            own = of_class if weights is None else of_class * weights[:, min(number, weights.shape[1] - 1)]
            at = last.get(float(begun[number]))
            if at is None and self.start is not None:
                at = self.start
            elif at is None:
                at = np.append(np.zeros(x.shape[1] - 1), begun[number])
            sample = Sample(x, y, own.astype(np.float32), float(of_class.sum()))
            found[int(number)] = on_sample(
                sample, self._penalties[number], at, NEAR if len(y) < self.rows.total else NEAREST
            )
            last[float(begun[number])] = found[int(number)].weights
        return [found[number] for number in range(self.mix.models)]

    def _on_all(self, solved: list[Solved], led: Led, steps: int, tolerance: float) -> None:
        """Moves the models to the optimum of all rows, keeping the best point examined."""
        size = self.rows.columns + 1
        points = np.column_stack([each.weights for each in solved])
        moves = np.zeros_like(points)
        best = np.full(len(solved), np.inf)
        factors: list[Factor] = []
        halved = 0
        for number in range(max(steps, 2)):
            answer = led(np.column_stack([points, np.full(size, float(number == 0))]))
            losses, slopes, bends = self._split(answer)
            if not number:
                for each, bend in zip(solved, bends.T, strict=True):
                    each.second = each.second + np.diag(np.maximum(bend - np.diag(each.second), 0))
                factors = [_factor(each.second, own) for each, own in zip(solved, self._penalties, strict=True)]
            too_far = False
            for model, (each, penalty) in enumerate(zip(solved, self._penalties, strict=True)):
                at = points[:, model]
                loss = losses[model] + float(penalty @ (at * at)) / 2
                if not loss <= best[model]:
                    too_far = too_far or each.gain > tolerance
                    moves[:, model] /= 2
                    points[:, model] = each.weights - moves[:, model]
                    continue
                best[model], each.loss, each.weights = loss, float(losses[model]), at.copy()
                slope = slopes[:, model] + penalty * at
                moves[:, model] = cho_solve(factors[model], slope)
                each.gain = float(slope @ moves[:, model]) / 2 / max(loss, 1e-9)
                points[:, model] = at - moves[:, model]
            halved += too_far
            if max(each.gain for each in solved) <= tolerance or halved > MOST_HALVINGS:
                break

    def _go_on(self, solved: list[Solved], led: Led, passes: int, tolerance: float) -> None:
        """Runs L-BFGS on all models at once, from their current weights."""
        logging.info("Continuing with L-BFGS: second derivatives of a sample did not reach the optimum.")
        corners = [_factor(each.second, own)[0] for each, own in zip(solved, self._penalties, strict=True)]
        penalties = np.column_stack(self._penalties)
        start = np.column_stack([each.weights for each in solved])
        best = np.array([np.inf] * len(solved))

        def moved(flat: np.ndarray) -> np.ndarray:
            parts = flat.reshape(start.shape).T
            return np.column_stack([solve_triangular(c, part) for c, part in zip(corners, parts, strict=True)])

        def penalised(flat: np.ndarray) -> tuple[float, np.ndarray]:
            at = start + moved(flat)
            losses, slopes, _ = self._split(led(np.column_stack([at, np.zeros(len(at))])))
            each_loss = losses + (penalties * at * at).sum(axis=0) / 2
            for model in np.flatnonzero(each_loss < best):
                best[model], solved[model].loss = each_loss[model], float(losses[model])
                solved[model].weights = at[:, model].copy()
            slopes = slopes + penalties * at
            turned = [solve_triangular(c, slope, trans="T") for c, slope in zip(corners, slopes.T, strict=True)]
            return float(each_loss.sum()), np.column_stack(turned).ravel()

        options = {"maxfun": passes, "maxiter": passes, "gtol": 0.0, "ftol": tolerance / 100, "maxcor": 20}
        quasi_newton.lbfgs(penalised, np.zeros(start.size), options)

    def _part(self, argument: np.ndarray) -> np.ndarray:
        """Returns this host's share, for all models, of the mean losses, the slopes and, if the last column of `argument` asks for
        it, the second derivatives' diagonals.
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
