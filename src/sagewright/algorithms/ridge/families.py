"""The models of all penalties on rows, scaled in one way or another, and their average."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sagewright.algorithms.firstparty import baseline
from sagewright.algorithms.ridge import averages, paths, scores, softmax
from sagewright.algorithms.ridge.paths import Solution
from sagewright.algorithms.ridge.rotation import Centred, Rotated

MANY_CLASSES, SCARCE, SCARCER = 10, 50, 4
"""With at least MANY_CLASSES classes and at most SCARCE rows for each, SCARCER times as much work is worth it, for penalties half a
decade apart and closer scores of rows left out.
"""
MOST_TOGETHER, MOST_CUBES = 2200, 1_000_000_000
"""Limits for looking at all classes together: on their number times that of the features, whose cube is the cost, and on the cube
of their number times that of the rows.
"""
COARSE = 4_000_000
"""Amount of work above which penalties are whole decades apart instead of half."""
ALIKE = 10.0
"""Features are tried unscaled, too. Where a deviation is more than ALIKE times the median, they hardly have one unit."""
UNLIKELY = 1.0
"""Deduction from the log share of such models."""
SAME, NEARLY_SAME, CHEAP = 1.01, 1.5, 10_000_000
"""Deviations within these factors of each other count as equal; the larger factor applies if a rotation takes more than CHEAP
products.
"""


@dataclass(frozen=True)
class Rows:
    """All hosts' rows: `x` (n, d) float32 scaled features, `y` (n,) labels, and `weights` (n,) with a mean of about 1."""

    x: np.ndarray
    y: np.ndarray
    """The shares of the classes, (n, C), if there are several."""
    weights: np.ndarray
    out: np.ndarray
    """The share (n,) of its weight that a row is left out with."""

    @property
    def counted(self) -> float:
        """The number of rows that these stand for."""
        return float(self.weights @ self.out)


@dataclass(frozen=True)
class First:
    """A model that was solved for: `features` (d, C) and `bias` (C,) for scaled features, the penalty `wd` on half its squares for
    the mean loss, and its mean `loss`.
    """

    features: np.ndarray
    bias: np.ndarray
    wd: float
    loss: float


@dataclass(frozen=True)
class Family:
    """The models of all penalties on features that are multiplied by `widths` (d,)."""

    widths: np.ndarray
    rotated: Rotated
    solutions: Sequence[Solution]

    def weights(self, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the weights (d, C) and the biases (C,) of the models' average with these shares (M,)."""
        at = np.tensordot(share, [each.weights.reshape(len(each.weights), -1) for each in self.solutions], 1)
        features = self.rotated.features(at)
        bias = np.tensordot(share, [np.atleast_1d(each.bias) for each in self.solutions], 1)
        return features * self.widths[:, None], bias - self.rotated.middle @ features


def are_scarce(rows: int, classes: int) -> bool:
    """True if there are many classes of few rows each."""
    return classes >= MANY_CLASSES and rows <= SCARCE * classes


def family(rows: Rows, centred: Centred, widths: np.ndarray, squared: bool, first: First | None = None) -> Family:
    """Returns the models of all penalties, or of those that may matter."""
    rotated = centred.rotated(widths, single=squared)
    if squared:
        least = averages.WEAKEST if len(rows.y) > len(widths) else averages.WEAK
        penalties = averages.penalties(len(widths), 0.5, least)
        return Family(widths, rotated, paths.squared(rotated, rows.y, penalties))
    work = rows.y.size * len(rotated.squares) ** 2
    several = rows.y.ndim == 2
    coarse = several or work > COARSE or bool((rows.out < 1).any())
    coarse = coarse and not (several and are_scarce(*rows.y.shape))
    least = averages.WEAKER if len(rows.y) >= averages.ENOUGH else averages.WEAK
    penalties = averages.penalties(len(widths), 1.0 if coarse else 0.5, least)[::-1]
    begun, ways = None, [penalties]
    if first is not None:
        begun = _begun(rotated, first, widths, several)
        weaker = penalties <= begun.penalty
        ways = [penalties[weaker], penalties[~weaker][::-1]]
    solve = softmax.solve if several else paths.logistic
    solutions, best = [], -np.inf
    for way in ways:
        for each in solve(rotated, rows.y, rows.out, way, begun):
            solutions.append(each)
            mean = scores.mean_loss(each.left_out, rows.y, rows.weights, squared=False)
            found = float(averages.log_likelihood(mean, rows.counted, squared=False))
            if first is not None:
                found += float(averages.log_prior(np.array(each.penalty), len(widths), squared=False))
            best = max(best, found)
            if found < best - (averages.NO_SHARE if first is None else averages.LITTLE):
                break
    return Family(widths, rotated, solutions)


def closer(rows: Rows, families: Sequence[Family]) -> list[Family]:
    """Returns the families of several classes with closer scores of rows left out, for those of the models that may have more than
    a LITTLE share. The others look better than they are.
    """
    found = [list(family.solutions) for family in families]

    def log_share(number: int, place: int) -> float:
        each = found[number][place]
        mean = scores.mean_loss(each.left_out, rows.y, rows.weights, squared=False)
        prior = averages.log_prior(np.array(each.penalty), rows.x.shape[1], squared=False)
        return float(averages.log_likelihood(mean, rows.counted, squared=False) + prior)

    hopes = {(number, place): log_share(number, place) for number, own in enumerate(found) for place in range(len(own))}
    best, classes = -np.inf, rows.y.shape[1]
    for number, place in sorted(hopes, key=lambda each: -hopes[each]):
        rotated = families[number].rotated
        if classes * (rotated.rows.shape[1] + 1) > MOST_TOGETHER or rows.y.size * classes**2 > MOST_CUBES:
            break
        if hopes[number, place] < best - averages.LITTLE:
            break
        found[number][place] = softmax.closer(rotated, rows.y, rows.out, found[number][place])
        best = max(best, log_share(number, place))
    return [replace(family, solutions=own) for family, own in zip(families, found, strict=True)]


def _begun(rotated: Rotated, first: First, widths: np.ndarray, several: bool) -> Solution:
    """Returns the first model in the rotated coordinates of features that are multiplied by `widths`."""
    features = first.features / widths[:, None]
    bias = first.bias + rotated.middle @ features
    at = rotated.coordinates(features)
    if not several:
        at, bias = at[:, 0], bias[0]
    return Solution(first.wd * rotated.total, at, bias, np.zeros(0))


def widths(scale: np.ndarray, rows: int, unscaled: bool = True) -> Iterator[np.ndarray]:
    """Yields what features, (d,), that were divided by `scale` are multiplied by: 1; and what makes them `unscaled`, where scales
    differ.
    """
    yield np.ones(len(scale))
    same = SAME if rows * len(scale) * min(rows, len(scale)) < CHEAP else NEARLY_SAME
    if unscaled and scale.max() > same * scale.min():
        yield scale / np.sqrt(np.mean(np.square(scale)))


@dataclass(frozen=True)
class Judged:
    """All models' mean `losses` (M,) at rows left out, which are `counted`; the scores of `nothing`, a constant, at these; and each
    row's `limit`.
    """

    losses: np.ndarray
    counted: float
    nothing: np.ndarray
    limit: np.ndarray


@dataclass(frozen=True)
class Average:
    """An average of models with these `penalties` (M,) and `share` (M,): `features` (d, C) and `bias` (C,) for scaled features.
    `kept` is the part of its deviation from a constant that is kept, and `ratio` its loss at rows left out, as a multiple of the
    constant's.
    """

    features: np.ndarray
    bias: np.ndarray
    penalties: np.ndarray
    share: np.ndarray
    kept: float
    ratio: float


def judged(rows: Rows, families: Sequence[Family], squared: bool, use_bias: bool = True) -> Judged:
    """Returns what each model, and a constant, say of rows left out."""
    nothing = scores.constant_left_out(rows.weights, rows.y, rows.out, squared, use_bias)
    limit = scores.limits(scores.losses(nothing, rows.y, squared), squared)
    models = [each for family in families for each in family.solutions]
    losses = np.array([scores.mean_loss(each.left_out, rows.y, rows.weights, squared, limit) for each in models])
    return Judged(losses, rows.counted, nothing, limit)


def average(
    rows: Rows,
    families: Sequence[Family],
    found: Judged,
    scale: np.ndarray,
    squared: bool,
    use_bias: bool = True,
) -> Average:
    """Returns the average of all models by the losses that were `found`. Features were divided by `scale` (d,); families after the
    first are of other widths, such as those that make features unscaled.
    """
    models = [each for family in families for each in family.solutions]
    columns, penalties = len(scale), np.array([each.penalty for each in models])
    likelihoods = averages.log_likelihood(found.losses, found.counted, squared)
    if scale.max() > ALIKE * np.median(scale):
        likelihoods[len(families[0].solutions) :] -= UNLIKELY
    share = averages.shares(likelihoods, penalties, columns, squared)
    least = scores.mean_loss(found.nothing, rows.y, rows.weights, squared)
    said, kept = np.tensordot(share, [each.left_out for each in models], 1), 1.0
    if not squared:
        kept = averages.kept(found.nothing, said, rows.y, rows.weights * rows.out)
        said = found.nothing + kept * (said - found.nothing)
    ratio = baseline.ratio(scores.mean_loss(said, rows.y, rows.weights, squared, found.limit), least)
    ends = np.cumsum([len(each.solutions) for each in families])[:-1]
    parts = [family.weights(own) for family, own in zip(families, np.split(share, ends), strict=True)]
    features, bias = (np.sum(each, axis=0) for each in zip(*parts, strict=True))
    level = scores.constant(rows.weights, rows.y, squared) * use_bias
    return Average(kept * features, level + kept * (bias - level), penalties, share, kept, ratio)
