"""Solves for the models of a job, instead of training them in epochs."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from sagewright.algorithms.firstparty.rows import source
from sagewright.algorithms.firstparty.rows.source import Batch
from sagewright.algorithms.firstparty.session import Session
from sagewright.algorithms.formats.table import Table
from sagewright.algorithms.linear_learner import (
    conjugate,
    held_out,
    left_out,
    losses,
    newton,
    path,
    quasi_newton,
    scaling,
)
from sagewright.algorithms.linear_learner.epochs import Data, Trained, compared, examples_of
from sagewright.algorithms.linear_learner.few import conditions, training
from sagewright.algorithms.linear_learner.few.training import Advice
from sagewright.algorithms.linear_learner.learner import Examples, Weights
from sagewright.algorithms.linear_learner.losses import Loss
from sagewright.algorithms.linear_learner.mix import Mix
from sagewright.algorithms.linear_learner.newton import Rows
from sagewright.algorithms.ridge.families import First

MOST_COLUMNS = 1024
"""Features up to which second derivatives are built in full: they cost the square of the features for each row."""
SURE = 0.5
"""Standard errors by which another penalty must be better than the first, if there are more rows than features."""
FEW_COLUMNS, MOST_ROTATED = 64, 256
SAMPLE, SAMPLE_A_FEATURE = 10_000, 20
"""Rows that second derivatives are computed from: in total, or per feature."""
CLOSER = 0.1
"""Share of early_stopping_tolerance: Newton's method ends when the expected gain in loss is below it."""
PASSES_AN_EPOCH = 10
"""Passes of L-BFGS for each epoch: one pass achieves less than an epoch of mini-batches."""
MOST_PASSES, MOST_NUMBERS = 600, 1 << 30
"""Limits on the passes, and on the numbers they read together."""
WIDEST = 10.0
"""Limit on how much farther than others L-BFGS moves the weight of a sparse feature that few rows have."""
BLOCK_BYTES = 1 << 20


def solve_models(run: Session, data: Data) -> Trained:
    """Solves for the models that the hyperparameters specify. One epoch is logged, that of the solution."""
    began = time.monotonic()
    loss, own = losses.make(run.values), data.train.table.rows
    total = int(run.group.total(np.array([own]))[0])
    averages = conditions.suits(run, data, loss, total)
    several = not data.validated and run.values["num_models"] not in ("auto", 1)
    if several and (averages or path.chooses(run.values, data.train.columns, total)):
        logging.info("num_models is not used: rows that are held out choose the penalty.")
    if averages:
        return _average(run, data, loss, began)
    models = path.make(run.values, data.train.columns, total, data.balanced, data.validated)
    undecided = models.models == 1 and not loss.regresses  # the first solution may say that an average is better
    if not undecided:
        run.solver("second_order", solver_of(run, data, loss))
    search = Search(run, data, loss)
    ratio, chosen = None, models
    advised = training.advise(run, data, loss, total)
    joins = advised is not None and loss.name == "logistic" and not path.has_l1(run.values) and advised.ratio <= 1
    if advised is not None:
        chosen, ratio = _with_penalty(run, data, advised.wd, advised.ratio)
        search.begin_at(advised.weights)
    elif not data.validated and not search.curves(models, total):
        chosen, ratio = _checked(run, data, models, search)
    elif search.weighs(data, models, total):
        chosen = search.weighed(data, models, total)
    if advised is not None and joins:
        weights, reached = _joined(run, data, search, advised, chosen)
    else:
        weights, reached = search(data, chosen, total, examples_of(run, chosen, data.counts))
    if undecided:
        first = First(weights.features, weights.bias, float(chosen.wd[0]), float(reached[0]))
        if not joins and conditions.may_help(run, data, loss, total, first):
            return _average(run, data, loss, began, first)
        run.solver("second_order", solver_of(run, data, loss))
    if not data.validated and ratio is None and search.curves(models, total):
        ratio = search.left_out(data, weights, chosen, total)
        if ratio > 1 and total >= held_out.FEWEST:
            chosen, ratio = _checked(run, data, models, search)
            weights, reached = search(data, chosen, total, examples_of(run, chosen, data.counts))
    examples = examples_of(run, chosen, data.counts)
    criterion = _criterion(run, data, loss, weights, reached, examples)
    _log(run, loss, reached, criterion, data.validated)
    run.lines.throughput(own, time.monotonic() - began)
    return Trained(loss, chosen, weights, criterion, examples, by_loss=True, ratio=ratio)


def _criterion(
    run: Session, data: Data, loss: Loss, weights: Weights, reached: np.ndarray, examples: Examples
) -> np.ndarray:
    """Returns what the models are chosen by: their losses on the channel validation, or those `reached` on train."""
    if data.validated or not examples.comparable:
        reached = run.group.from_first(compared(loss, weights, _prepared(data, data.judged), examples))
    return np.nan_to_num(reached, nan=np.inf)


def _joined(run: Session, data: Data, search: Search, advised: Advice, one: Mix) -> tuple[Weights, np.ndarray]:
    """Returns the average of the models with the penalties that shared in the advice, and its mean loss. `one` is the model with
    their mean penalty.
    """
    several = one.take(np.zeros(len(advised.tried), np.int64))
    several = replace(several, wd=advised.tried.astype(np.float32))
    total = int(run.group.total(np.array([data.train.table.rows]))[0])
    weights, _ = search(data, several, total, examples_of(run, several, data.counts))
    examples = examples_of(run, one, data.counts)
    weights = advised.joined(weights, data.constants(run, search.loss, examples, 1)[0])
    return weights, run.group.from_first(compared(search.loss, weights, _prepared(data, data.train.table), examples))


def _average(run: Session, data: Data, loss: Loss, began: float, first: First | None = None) -> Trained:
    """Returns the average of the models of all penalties, and logs it. The searches begin at the `first` model, if there is one."""
    own = data.train.table.rows
    run.solver("second_order", "leave-one-out")
    trained = training.solve(run, data, loss, int(run.group.total(np.array([own]))[0]), first)
    reached = run.group.from_first(compared(loss, trained.weights, _prepared(data, data.train.table), trained.examples))
    _log(run, loss, reached, trained.criterion, data.validated)
    run.lines.throughput(own, time.monotonic() - began)
    return trained


def _prepared(data: Data, table: Table) -> source.Prepared:
    return source.prepared(table, data.scaler.prepare)


def _with_penalty(run: Session, data: Data, wd: float, ratio: float) -> tuple[Mix, float]:
    """Returns the model with this penalty; with a large one if the ratio of its loss to a constant's is above 1."""
    total = int(run.group.total(np.array([data.train.table.rows]))[0])
    if ratio > 1:
        logging.warning(
            "No penalty is better at held-out rows than a model without features: one is used that leaves little else."
        )
        wd = path.prior(run.values, path.NOTHING_BUT_BIAS, total)
    return path.make({**run.values, "wd": wd}, data.train.columns, total, data.balanced, data.validated), min(
        ratio, 1.0
    )


def _checked(run: Session, data: Data, models: Mix, search: Search) -> tuple[Mix, float | None]:
    """Does as `_compared`, with searches that are no closer to the optimum than this needs."""
    search.rough = True
    found = _compared(run, data, models, search)
    search.rough = False
    return found


def _compared(run: Session, data: Data, models: Mix, search: Search) -> tuple[Mix, float | None]:
    """Returns the models with the best penalty on held-out rows, if it is chosen so, and the ratio of their loss there to a
    constant's. The solution of all rows starts from their weights.
    """
    values, columns, loss = run.values, data.train.columns, search.loss
    total = int(run.group.total(np.array([data.train.table.rows]))[0])
    size = max(SAMPLE, SAMPLE_A_FEATURE * columns)
    if total > 2 * size:
        return models, _checked_on_sample(run, data, models, search, size / total)
    tried = path.held_out(values, columns, total, models)
    found = held_out.compare(run, data, loss, tried, search, choosing=tried.models > 1)
    if found is None and path.chooses(values, columns, total):
        wd = path.prior(values, path.FEW_ROWS_DECADE, total)
        return path.make({**values, "wd": wd}, columns, total, data.balanced, data.validated), None
    if found is None:
        return models, None
    sure = SURE if total >= path.MANY * columns else 0.0
    worse = run.group.from_first(found.ratio(found.best(sure)) > 1)
    if worse and tried.models == 1:
        tried = path.held_out(values, columns, total, models, few=math.inf)
        found = held_out.compare(run, data, loss, tried, search, choosing=True) or found
    best = run.group.from_first(found.best(sure))
    ratio = found.ratio(best)
    if tried.models == 1:
        return models, ratio
    wd = float(tried.wd[best])
    logging.info("Of the penalties wd %s that with the least loss on held-out rows: %g", tried.wd.tolist(), wd)
    search.begin_with(best if found.tried is None else int(np.searchsorted(found.tried, best)))
    return _with_penalty(run, data, wd, ratio)


def _checked_on_sample(run: Session, data: Data, models: Mix, search: Search, share: float) -> float:
    """Returns the ratio of the first model's loss, solved for on this share of the rows, to a constant's, on other rows."""
    table = data.train.table
    order = np.random.default_rng([run.seed, 7, run.group.rank]).permutation(table.rows)
    learnt = max(1, round(share * table.rows))
    own = held_out.part_of(run, data, table.take(np.sort(order[:learnt])))
    one = models.take(np.array([0]))
    examples = examples_of(run, one, own.counts)
    weights, _ = search(own, one, int(run.group.total(np.array([learnt]))[0]), examples)
    held = table.take(np.sort(order[learnt : learnt + min(held_out.MOST_HELD, learnt)]))
    constants = own.constants(run, search.loss, examples, 1)
    sums, nothing = held_out.measured(search.loss, weights, constants, data, held)
    counted = run.group.total(np.array([nothing, held.rows]))
    search.begin_with(0)
    return held_out.verdict(run.group.total(sums), counted[0], counted[1]).ratio(0)


def fits(run: Session, data: Data) -> bool:
    """True if every host has enough memory: without second derivatives the scaled rows are held beside the rows."""
    lacking = not _has_curvature(data, losses.make(run.values)) and data.train.table.nbytes > run.memory.left
    return not run.group.total(np.array([int(lacking)]))[0]


def _has_curvature(data: Data, loss: Loss) -> bool:
    dense = data.train.dense or data.scaler.shift is not None
    return dense and data.train.columns <= MOST_COLUMNS and loss.name in ("squared_loss", "logistic")


def _bias_decay(run: Session) -> float:
    configured = run.values["bias_wd_mult"]
    return 0.0 if configured == "auto" else float(configured)


def solver_of(run: Session, data: Data, loss: Loss) -> str:
    """Returns the solver. Newton's method needs rows that determine second derivatives; with few rows per feature L-BFGS costs
    less.
    """
    if not _has_curvature(data, loss) or (path.has_l1(run.values) and loss.name != "squared_loss"):
        return "l-bfgs"
    if loss.name == "squared_loss":
        return "normal-equations"
    columns, total = data.train.columns, int(run.group.total(np.array([data.train.table.rows]))[0])
    return "newton" if columns <= FEW_COLUMNS or total >= path.FEW * columns else "l-bfgs"


Losing = Callable[[Weights], bool]
"""Says of one model's weights that those with a weaker penalty need not be solved for."""


class Search:
    """Solves for the models of a mix, starting from the models of the previous search if `begin_with` named one."""

    def __init__(self, run: Session, data: Data, loss: Loss) -> None:
        self.run, self.loss = run, loss
        solver = solver_of(run, data, loss)
        self._linear, self._newton = solver == "normal-equations", solver == "newton"
        self._rotation = None
        if (
            solver == "l-bfgs"
            and data.train.dense
            and data.train.columns <= MOST_ROTATED
            and not path.has_l1(run.values)
        ):
            self._rotation = scaling.decorrelation(data.scaler.features(data.sample.features), run.group)
        self._curves = None
        if solver == "l-bfgs" and not data.train.dense and data.scaler.shift is None and not path.has_l1(run.values):
            self._curves = _curves(run, data, loss)
        self._columns = data.train.columns
        self.rough = False
        """True while models are only compared with each other."""
        self._second: np.ndarray | None = None
        self._sums: newton.Sums | None = None
        self._left: left_out.Left | None = None
        self._last: Weights | None = None
        self._begun: Weights | None = None

    def begin_with(self, model: int) -> None:
        if self._last is not None:
            self._begun = self._last.take(model, self.loss.classes)

    def begin_at(self, weights: Weights) -> None:
        self._begun = weights

    def __call__(
        self, data: Data, models: Mix, total: int, examples: Examples, losing: Losing | None = None
    ) -> tuple[Weights, np.ndarray]:
        """Returns all models' weights and mean losses. Where one model is solved for after another, `losing` ends the search:
        models with weaker penalties get the weights of the one that loses.
        """
        if self._linear:
            found = self._by_sums(data, models, total)
        elif self._newton:
            found = self._by_newton(data, models, total, examples)
        elif self.loss.name == "squared_loss" and not path.has_l1(self.run.values):
            found = self._by_conjugates(data, models, total, examples)
        else:
            found = self._by_slopes(data, models, total, examples, losing)
        self._last = found[0]
        return found

    def curves(self, models: Mix, total: int) -> bool:
        """True if the second derivatives of a single model say what it loses at rows left out, and its penalty isn't chosen so."""
        run, columns = self.run, self._columns
        alone = models.models == 1 and not models.l1.any() and total > columns
        return alone and (self._linear or self._newton) and not path.chooses(run.values, columns, total)

    def weighs(self, data: Data, models: Mix, total: int) -> bool:
        """True if the sums of the squared loss say which penalty to use, and it may be chosen."""
        run = self.run
        free = run.values["bias_wd_mult"] in ("auto", 0) and path.chooses(run.values, data.train.columns, 0)
        return free and self._linear and data.train.columns <= MOST_ROTATED and self.curves(models, total)

    def weighed(self, data: Data, models: Mix, total: int) -> Mix:
        """Returns the single model with the penalty that the sums suggest."""
        self._sums = newton.sums(_rows(self.run, data, total), self.run.group)
        wd = newton.penalty(self._sums, total, bool(self.run.values["use_bias"]))
        return replace(models, wd=np.array([self.run.group.from_first(wd)], np.float32))

    def left_out(self, data: Data, weights: Weights, models: Mix, total: int) -> float:
        """Returns the loss of the single model that was solved for last at rows left out, as a multiple of a constant's."""
        run = self.run
        assert self._second is not None
        corner = newton.corner(self._second, float(models.wd[0]), _bias_decay(run))
        if self._left is None:
            table = data.train.table
            random = np.random.default_rng([run.seed, 7, run.group.rank])
            few = table.rows > left_out.ROWS
            some = table.take(np.sort(random.choice(table.rows, left_out.ROWS, replace=False))) if few else table
            self._left = left_out.Left(data.scaler.prepare(some, False), (1.0, 1.0))
        examples = examples_of(run, models, data.counts)
        curved = left_out.Curved(weights, corner, total, data.constants(run, self.loss, examples, 1)[0])
        found = left_out.ratio(curved, self.loss, self._left, examples, run.group)
        return float(run.group.from_first(found))

    def _by_sums(self, data: Data, models: Mix, total: int) -> tuple[Weights, np.ndarray]:
        rows, decay, group = _rows(self.run, data, total), _bias_decay(self.run), self.run.group
        if not self.curves(models, total):
            return newton.least_squares(rows, models, decay, group)
        known, self._sums = self._sums or newton.sums(rows, group), None
        self._second = 2 * known.products
        return newton.solved(known, models, decay)

    def _by_newton(self, data: Data, models: Mix, total: int, examples: Examples) -> tuple[Weights, np.ndarray]:
        run, columns = self.run, data.train.columns
        problem = newton.Logistic(_rows(run, data, total), examples, models, _bias_decay(run), run.group)
        sample, shares = _sample(run, data, max(SAMPLE, SAMPLE_A_FEATURE * columns))
        begun = data.constants(run, self.loss, examples, models.models)[:, 0]
        tolerance = run.values["early_stopping_tolerance"] * CLOSER
        if self._begun is not None:
            problem.start = np.append(self._begun.features[:, 0], self._begun.bias[0]).astype(np.float64)
        batch = data.scaler.prepare(sample, False)
        found = problem.solve(batch, shares, begun, run.values["epochs"], tolerance)
        self._second, self._left = problem.second, left_out.Left(batch, shares)
        return found

    def _by_conjugates(self, data: Data, models: Mix, total: int, examples: Examples) -> tuple[Weights, np.ndarray]:
        run = self.run
        x, y = data.scaler.prepare(data.train.table, False)
        penalties = np.repeat(models.wd[None].astype(np.float64), x.shape[1] + 1, axis=0)
        penalties[-1] *= _bias_decay(run)
        begun = self._begun
        if begun is None:
            constants = data.constants(run, self.loss, examples, 1)
            begun = Weights(np.zeros((x.shape[1], 1), np.float32), constants[0])
        problem = conjugate.Problem(x, y, total, bool(run.values["use_bias"]), penalties)
        return conjugate.minimise(problem, begun, _passes(run, data, total), run.group)

    def _by_slopes(
        self, data: Data, models: Mix, total: int, examples: Examples, losing: Losing | None
    ) -> tuple[Weights, np.ndarray]:
        """Runs L-BFGS on the models in descending order of penalty: each starts from the optimum of one before it."""
        run, loss = self.run, self.loss
        x, y = data.scaler.prepare(data.train.table, False)
        weights = examples.weights(y, np.arange(models.models))
        constants = data.constants(run, loss, examples, models.models)
        at, passes = self._begun, _passes(run, data, total)
        found: dict[int, tuple[Weights, float]] = {}
        ended = None
        for number in np.argsort(-models.wd, kind="stable"):
            own = None if weights is None else weights[:, [min(number, weights.shape[1] - 1)]]
            wd, l1 = float(models.wd[number]), float(models.l1[number])
            if ended is not None:
                found[int(number)] = ended
                continue
            objective = quasi_newton.Objective(
                x, y, own, loss, total, bool(run.values["use_bias"]), wd, wd * _bias_decay(run), l1, self.rough
            )
            if at is None:
                at = Weights(np.zeros((data.train.columns, loss.classes), np.float32), constants[number])
            rotation = self._rotation if self._curves is None else _widths(self._curves, wd)
            solved_for = quasi_newton.minimise(objective, at, passes, run.group, rotation)
            found[int(number)] = solved_for
            at = solved_for[0] if examples.comparable else None
            ended = solved_for if losing is not None and losing(solved_for[0]) else None
        solved = [found[number] for number in range(models.models)]
        features = np.hstack([each.features for each, _ in solved])
        bias = np.concatenate([each.bias for each, _ in solved])
        return Weights(features, bias), np.array([mean for _, mean in solved])


def _curves(run: Session, data: Data, loss: Loss) -> np.ndarray | None:
    """Returns the mean second derivatives (d + 1,) of the loss of classes without features, for sparse features and the bias."""
    if data.counts is None or loss.name not in ("logistic", "softmax_loss"):
        return None
    x = data.scaler.features(data.train.table.features)
    squares = np.bincount(x.indices, np.square(x.data, dtype=np.float64), x.shape[1])
    share = data.counts / data.counts.sum()
    mean = run.group.total(np.append(squares, data.train.table.rows))
    return np.asarray(mean / mean[-1] * np.mean(share * (1 - share)))


def _widths(curves: np.ndarray, wd: float) -> np.ndarray:
    """Returns what coordinates are multiplied by so that their second derivatives are similar."""
    widths = 1 / np.sqrt(curves + wd)
    return np.asarray(np.minimum(widths / widths.min(), WIDEST))


def _rows(run: Session, data: Data, total: int) -> Rows:
    table = data.train.table
    size = max(256, BLOCK_BYTES // (4 * data.train.columns))

    def blocks() -> Iterator[Batch]:
        return iter(source.prepared(table, data.scaler.prepare, size))

    return Rows(blocks, data.train.columns, total, bool(run.values["use_bias"]))


def _passes(run: Session, data: Data, total: int) -> int:
    """Returns the limit on L-BFGS's passes over the rows: as many as it needs, if they cost little and the epochs are not set."""
    most = PASSES_AN_EPOCH * int(run.values["epochs"])
    cheap = MOST_NUMBERS // max(1, total * data.train.columns)
    return most if "epochs" in run.chosen else max(most, min(MOST_PASSES, cheap))


def _sample(run: Session, data: Data, size: int) -> tuple[Table, tuple[float, float]]:
    """Returns this host's rows of a sample, balanced if possible, and the sample's shares of all negative and positive rows."""
    assert data.counts is not None
    few = min(size / 2, data.counts.min())
    shares = np.minimum((np.where(data.counts == data.counts.min(), few, size - few)) / np.maximum(data.counts, 1), 1)
    random = np.random.default_rng([run.seed, 5, run.group.rank])
    labels = np.asarray(data.train.table.labels)
    parts = []
    for label, share in enumerate(shares):
        own = np.flatnonzero(labels == label)
        count = len(own) if share >= 1 else min(len(own), round(share * len(own)))
        parts.append(own if count == len(own) else random.choice(own, count, replace=False))
    taken = run.group.total(np.array([len(part) for part in parts]))
    found = np.maximum(taken, 1) / np.maximum(data.counts, 1)
    return data.train.table.take(np.sort(np.concatenate(parts))), (float(found[0]), float(found[1]))


def _log(run: Session, loss: Loss, reached: np.ndarray, criterion: np.ndarray, validated: bool) -> None:
    name = loss.objective
    for number, value in enumerate(reached):
        run.lines.metrics({f"train_{name}": value}, epoch=0, model=number)
    run.lines.quality("train", {name: float(np.nanmin(reached))}, "loss", epoch=0)
    if validated:
        run.lines.quality("validation", {name: float(criterion.min())}, "loss", epoch=0)
    logging.info(
        "#early_stopping_criteria_metric: host=%s, epoch=%d, criteria=%s, value=%r",
        run.job.current_host, 0, name, float(criterion.min()),
    )  # fmt: skip
    run.lines.progress(1, 1)
