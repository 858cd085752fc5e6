"""The average of linear models where the rows are few for the features, and the penalty where labels are few."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_matrix

from sagewright.algorithms.firstparty import baseline
from sagewright.algorithms.firstparty.rows import copies, source
from sagewright.algorithms.firstparty.session import Session
from sagewright.algorithms.linear_learner import path
from sagewright.algorithms.linear_learner.epochs import Data, Trained, compared, examples_of
from sagewright.algorithms.linear_learner.few import averages, paths, rotation, scores, softmax
from sagewright.algorithms.linear_learner.few.paths import Solution
from sagewright.algorithms.linear_learner.few.rotation import Centred, Rotated
from sagewright.algorithms.linear_learner.learner import Weights
from sagewright.algorithms.linear_learner.losses import Loss
from sagewright.algorithms.linear_learner.mix import Mix, positive_weights

FEWEST = 4
MOST_NUMBERS = 1 << 23
"""Limit on the numbers in the rows, which are copied as float64."""
MOST_SQUARED, MOST_SPARSE, MOST_WORK, MOST_CLASSES = 1024, 256, 200_000_000, 30_000_000
"""Limits on the smaller of the numbers of rows and features, whose cube is the cost of the squared loss; of sparse rows, which
others solve for faster; and on its square times the rows, for the logistic loss, and times the classes, for more of them.
"""
MOST_COLUMNS, THINNED = 64, 2000
"""Maximum number of features for which rare classes are examined, and of rows of each class that are used."""
COSTLY = 0.01
"""Share of the loss that a penalty may cost."""
SLIGHT = 0.02
"""An l1 below this share of the smallest one that uses no feature counts as slight."""
MOST_CHECKED, SEARCHED = 20_000, 2
"""Maximum number of rows among which copies are sought if rows are not few; and as a multiple of what counts as few the number of
rows that are looked at first.
"""
LEAST_SHARE = 0.05
"""Smallest share in an average of some rows of a model that is solved for with all."""
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
    """A model that was solved for with the penalty `wd` on half the squares, and its mean `loss`."""

    weights: Weights
    wd: float
    loss: float


@dataclass(frozen=True)
class Advice:
    """An average's `weights`, its penalty, and the `ratio` of its loss at rows left out to a constant's; of the models that share
    in it the penalties `tried` (M,) and the shares (M,); and the part of their deviation from a constant that is `kept`.
    """

    weights: Weights
    wd: float
    ratio: float
    tried: np.ndarray
    share: np.ndarray
    kept: float = 1.0

    def of_mean(self, loss: Loss, rows: int) -> Advice:
        """Returns the same with the penalties for the mean loss, not halved for the squared one."""
        times = (2 if loss.regresses else 1) / rows
        return replace(self, wd=self.wd * times, tried=self.tried * times)

    def joined(self, weights: Weights, constant: np.ndarray) -> Weights:
        """Returns the average of models with the penalties `tried`, each with a single score; `constant` (1,) is that without
        features.
        """
        share = self.share.astype(np.float32)
        bias = constant + self.kept * (weights.bias @ share - constant)
        return Weights(self.kept * (weights.features @ share)[:, None], bias.astype(np.float32))


def suits(run: Session, data: Data, loss: Loss, total: int) -> bool:
    """True if the models of all penalties can be solved for and averaged: nothing asks for one of them, rows are few for the
    features, or those of one class without the others being many, and the work is little.
    """
    if path.has_l1(run.values) or not _is_free(run, data, loss):
        return False
    counts = data.counts
    whole = loss.name == "logistic" and data.train.dense and not data.validated and _is_rare(data)
    if whole and counts is not None and counts.max() <= THINNED:
        return True
    return _are_few(run, data, loss, total)


def may_help(run: Session, data: Data, loss: Loss, total: int, first: First) -> bool:
    """True if rows are many for the features, but the penalty of the `first` model may cost it more than COSTLY of its loss: the
    classes are nearly separable, or the features say nearly the same. Half of `wd` times the squares is about what it costs.
    """
    possible = not data.validated and not path.has_l1(run.values) and _is_free(run, data, loss) and not loss.regresses
    costs = float(first.wd) * float(np.square(first.weights.features, dtype=np.float64).sum()) / 2
    costly = possible and bool(costs > COSTLY * first.loss) and _is_cheap(data, loss, total)
    return bool(run.group.from_first(costly))


def advise(run: Session, data: Data, loss: Loss, total: int) -> Advice | None:
    """Returns a penalty for all rows where the average itself is not possible: a slight l1 is given, or only one class is rare."""
    if not _is_free(run, data, loss) or data.validated:
        return None
    rows: Rows | None
    if path.has_l1(run.values) and loss.classes == 1:
        if not _are_few(run, data, loss, total):
            return None
        rows = _joined(run, data, loss)
        slight = rows is not None and float(run.values["l1"]) < SLIGHT * _steepest(rows, loss)
        if not run.group.from_first(slight):
            return None
    elif loss.name == "logistic" and data.train.dense and _is_rare(data):
        rows = _thinned(run, data)
    else:
        return None
    found: Advice = run.group.from_first(None if rows is None else _averaged(run, data, loss, rows))
    return found.of_mean(loss, total)


def _is_free(run: Session, data: Data, loss: Loss) -> bool:
    """True if the penalty may be chosen, and the loss has the second derivatives that this needs."""
    values = run.values
    free = values["bias_wd_mult"] in ("auto", 0) and path.chooses(values, data.train.columns, 0)
    single = values["positive_example_weight_mult"] != "auto" or values["predictor_type"] != "binary_classifier"
    both = data.counts is None or loss.classes > 1 or bool(data.counts.all())
    return free and single and both and loss.name in ("squared_loss", "logistic", "softmax_loss")


def _are_few(run: Session, data: Data, loss: Loss, total: int) -> bool:
    if not _is_cheap(data, loss, total):
        return False
    few = path.FEW * data.train.columns * max(1, loss.classes - 1)  # each class but one has weights of its own
    return total < few or (total <= MOST_CHECKED and _different(run, data, loss, few) < few)


def _is_cheap(data: Data, loss: Loss, total: int) -> bool:
    """True if the models of all penalties take little work."""
    columns = data.train.columns
    least = min(total, columns) + 1
    most = MOST_SQUARED if data.train.dense else MOST_SPARSE
    work = 0 if loss.regresses else total * least**2 * loss.classes
    most_work = MOST_WORK if loss.classes == 1 else MOST_CLASSES * (SCARCER if _are_scarce(total, loss.classes) else 1)
    return total >= FEWEST and least <= most and total * columns <= MOST_NUMBERS and work <= most_work


def _are_scarce(rows: int, classes: int) -> bool:
    return classes >= MANY_CLASSES and rows <= SCARCE * classes


def _is_rare(data: Data) -> bool:
    """True if one class has few rows for the features."""
    columns = data.train.columns
    return data.counts is not None and columns <= MOST_COLUMNS and data.counts.min() < path.FEW * columns


def _steepest(rows: Rows, loss: Loss) -> float:
    """Returns the smallest l1 under which no feature is used."""
    apart = rows.weights * (rows.y - float(np.average(rows.y, weights=rows.weights)))
    return float(np.abs(rows.x.T @ apart).max()) * (2 if loss.regresses else 1) / float(rows.weights.sum())


def solve(run: Session, data: Data, loss: Loss, total: int, first: First | None = None) -> Trained:
    """Returns the average model, the same at all hosts; the searches begin at the `first` model."""
    joined = _joined(run, data, loss)
    if joined is not None and len(joined.y) < total:
        logging.info("%d rows are copies of others: %d different ones count.", total - len(joined.y), len(joined.y))
    found: Advice = run.group.from_first(None if joined is None else _averaged(run, data, loss, joined, first))
    found = found.of_mean(loss, total)
    weights, ratio = found.weights, found.ratio
    if ratio > 1 and not data.validated:
        logging.warning(
            "No model is better at rows left out than one without features, which is the result of this job."
        )
        constants = data.constants(
            run, loss, examples_of(run, path.make(run.values, 1, 1, data.balanced, False), data.counts), 1
        )
        weights, ratio = Weights(np.zeros_like(weights.features), constants[0]), 1.0
    nothing = np.zeros(1, np.float32)
    weight = positive_weights(run.values, data.balanced)[0]
    mix = Mix(nothing, nothing, np.array([found.wd], np.float32), np.array([weight], np.float32), nothing > 0)
    examples = examples_of(run, mix, data.counts)
    criterion = compared(loss, weights, source.prepared(data.judged, data.scaler.prepare), examples)
    return Trained(
        loss, mix, weights, run.group.from_first(criterion), examples, by_loss=True,
        ratio=None if data.validated else ratio,
    )  # fmt: skip


def _different(run: Session, data: Data, loss: Loss, few: int) -> int:
    """Returns the number of different rows of all hosts, or of some of them if there are as many as `few` among these."""
    table = data.train.table
    size = SEARCHED * few // run.group.size
    if run.group.total(np.array([int(table.rows > 2 * size)]))[0] == run.group.size:
        some = table.take(np.arange(0, table.rows, table.rows // size))
        found = _counted(run, replace(data, train=source.Part(some)), loss)
        if found >= few:
            return found
    return _counted(run, data, loss)


def _counted(run: Session, data: Data, loss: Loss) -> int:
    if run.group.size == 1:
        table = data.train.table
        found = copies.find(table.features, np.asarray(table.labels))
        return table.rows if found is None else len(found.first)
    rows = _joined(run, data, loss)
    return int(run.group.from_first(None if rows is None else len(rows.y)))


def _joined(run: Session, data: Data, loss: Loss) -> Rows | None:
    """Returns all hosts' rows at the first host, copies of a row as one with more weight."""
    table = data.train.table
    x, y = data.scaler.prepare(table, False)
    x = x.toarray() if isinstance(x, csr_matrix) else x
    parts = run.group.to_first((x, y))
    if parts is None:
        return None
    x, y = (np.concatenate(each) for each in zip(*parts, strict=True))
    weights = np.ones(len(y))
    found = copies.find(x, y)
    y = np.eye(loss.classes)[y.astype(np.int64)] if loss.classes > 1 else y
    if found is not None:
        y = _means(y, found)
        x, weights = x[found.first], found.count / found.count.mean()
    positive = run.values["positive_example_weight_mult"]
    if loss.name == "logistic" and positive != 1:
        heavy = data.balanced if positive == "balanced" else float(positive)
        weights = weights * (1 + (heavy - 1) * y)
    elif loss.classes > 1 and run.values["balance_multiclass_weights"] and data.counts is not None:
        weights = weights * (y @ (data.counts.mean() / np.maximum(data.counts, 1)))
    return Rows(x, y.astype(np.float64), weights, np.ones(len(y)))


def _means(y: np.ndarray, found: copies.Copies) -> np.ndarray:
    """Returns the mean label of each different row."""
    order = np.argsort(found.which, kind="stable")
    sums = np.add.reduceat(y[order].astype(np.float64), np.append(0, np.cumsum(found.count)[:-1]), axis=0)
    return np.asarray((sums.T / found.count).T)


def _thinned(run: Session, data: Data) -> Rows | None:
    """Returns at the first host some rows of either class, with the weight of all."""
    table, counts = data.train.table, data.counts
    assert counts is not None
    shares = np.minimum(THINNED / counts, 1)
    random = np.random.default_rng([run.seed, 9, run.group.rank])
    labels = np.asarray(table.labels).astype(np.int64)
    x, y = data.scaler.prepare(table.take(np.flatnonzero(random.random(len(labels)) < shares[labels])), False)
    parts = run.group.to_first((x, y))
    if parts is None:
        return None
    x, y = (np.concatenate(each) for each in zip(*parts, strict=True))
    taken = np.bincount(y.astype(np.int64), minlength=2)
    weights = (counts / np.maximum(taken, 1))[y.astype(np.int64)]
    return Rows(x, y.astype(np.float64), weights, 1 / weights)


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


def _averaged(run: Session, data: Data, loss: Loss, rows: Rows, first: First | None = None) -> Advice:
    """Returns the average model, with the mean of its penalties for the sum of losses."""
    squared, columns = loss.regresses, rows.x.shape[1]
    few = path.FEW * max(1, loss.classes - 1)
    tried = _widths(run, data, rows, len(rows.y) < few * columns)
    centred = rotation.centre(rows.x, rows.weights, bool(run.values["use_bias"]))
    families = [_family(rows, centred, widths, squared, first) for widths in tried]
    if rows.y.ndim == 2 and _are_scarce(*rows.y.shape):
        families = _closer(rows, families)
    models = [each for family in families for each in family.solutions]
    use_bias = bool(run.values["use_bias"])
    nothing = scores.constant_left_out(rows.weights, rows.y, rows.out, squared, use_bias)
    limit = scores.limits(scores.losses(nothing, rows.y, squared), squared)
    losses = np.array([scores.mean_loss(each.left_out, rows.y, rows.weights, squared, limit) for each in models])
    counted = rows.counted
    if data.validated:
        losses, counted = _with_validation(data, families, losses, counted, squared)
    penalties = np.array([each.penalty for each in models])
    likelihoods = averages.log_likelihood(losses, counted, squared)
    if data.scaler.scale.max() > ALIKE * np.median(data.scaler.scale):
        likelihoods[len(families[0].solutions) :] -= UNLIKELY
    share = averages.shares(likelihoods, penalties, columns, squared)
    least = scores.mean_loss(nothing, rows.y, rows.weights, squared)
    said, kept = np.tensordot(share, [each.left_out for each in models], 1), 1.0
    if not squared:
        kept = averages.kept(nothing, said, rows.y, rows.weights * rows.out)
        said = nothing + kept * (said - nothing)
    ratio = baseline.ratio(scores.mean_loss(said, rows.y, rows.weights, squared, limit), least)
    wd = float(np.exp(share @ np.log(penalties)))
    logging.info("Averaged %d models, by their losses at rows left out: penalties %.3g on average.", len(models), wd)
    features, bias = np.zeros((columns, loss.classes)), np.zeros(loss.classes)
    for family, own in zip(
        families, np.split(share, np.cumsum([len(each.solutions) for each in families])[:-1]), strict=True
    ):
        more, level = family.weights(own)
        features, bias = features + more, bias + level
    level = scores.constant(rows.weights, rows.y, squared) * use_bias
    features, bias = kept * features, level + kept * (bias - level)
    whole = Weights(features.astype(np.float32), bias.astype(np.float32))
    own = np.arange(len(families[0].solutions))  # on scaled features
    own = own[share[own] >= min(LEAST_SHARE, float(share[own].max()))]
    return Advice(whole, wd, ratio, penalties[own], share[own] / share[own].sum(), kept)


def _family(rows: Rows, centred: Centred, widths: np.ndarray, squared: bool, first: First | None) -> Family:
    """Returns the models of all penalties, or of those that may matter."""
    rotated = centred.rotated(widths, single=squared)
    if squared:
        least = averages.WEAKEST if len(rows.y) > len(widths) else averages.WEAK
        penalties = averages.penalties(len(widths), 0.5, least)
        return Family(widths, rotated, paths.squared(rotated, rows.y, penalties))
    work = rows.y.size * len(rotated.squares) ** 2
    several = rows.y.ndim == 2
    coarse = several or work > COARSE or bool((rows.out < 1).any())
    coarse = coarse and not (several and _are_scarce(*rows.y.shape))
    penalties = averages.penalties(len(widths), 1.0 if coarse else 0.5)[::-1]
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


def _closer(rows: Rows, families: Sequence[Family]) -> list[Family]:
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
    features = first.weights.features / widths[:, None]
    bias = first.weights.bias + rotated.middle @ features
    at = rotated.coordinates(features)
    if not several:
        at, bias = at[:, 0], bias[0]
    return Solution(first.wd * rotated.total, at, bias, np.zeros(0))


def _widths(run: Session, data: Data, rows: Rows, few: bool) -> Iterator[np.ndarray]:
    """Yields what scaled features are multiplied by: 1; and what makes them unscaled, where deviations differ and rows are few."""
    scale, count = data.scaler.scale, len(rows.y)
    yield np.ones(len(scale))
    same = SAME if count * len(scale) * min(count, len(scale)) < CHEAP else NEARLY_SAME
    if not path.has_l1(run.values) and few and scale.max() > same * scale.min():
        yield scale / np.sqrt(np.mean(np.square(scale)))


def _with_validation(
    data: Data, families: Sequence[Family], losses: np.ndarray, counted: float, squared: bool
) -> tuple[np.ndarray, float]:
    """Returns the mean losses at rows left out and of the validation channel together, and their number."""
    shares = [(family, each) for family in families for each in np.eye(len(family.solutions))]
    found = [family.weights(each) for family, each in shares]
    total, rows = losses * counted, counted
    for x, y in source.prepared(data.judged, data.scaler.prepare):
        classes = len(found[0][1])
        labels = np.eye(classes)[y.astype(np.int64)] if classes > 1 else y
        said = (np.asarray(x @ features) + bias for features, bias in found)
        each = [scores.mean_loss(at if classes > 1 else at[:, 0], labels, np.ones(len(y)), squared) for at in said]
        total, rows = total + np.array(each) * len(y), rows + len(y)
    return total / rows, rows
