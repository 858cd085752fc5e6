"""Neural topic model training: epochs with early stopping, then the topics' words and the test channel's loss."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty.rows import source
from sagewright.algorithms.firstparty.rows.data import ExpectedColumns
from sagewright.algorithms.firstparty.rows.source import Batch, Source
from sagewright.algorithms.firstparty.session import Session, session
from sagewright.algorithms.formats.table import Table
from sagewright.algorithms.job import Job
from sagewright.algorithms.mixtures import judging
from sagewright.algorithms.ntm import coherence, corpus, seeds
from sagewright.algorithms.ntm.declaration import DECLARATION
from sagewright.algorithms.ntm.learner import NTMLearner
from sagewright.algorithms.ntm.model import TopicModel
from sagewright.algorithms.ntm.network import NTMNetwork, Shape

WARM, WARM_STEPS = 10, 200
"""Epochs, or mini-batches if these are fewer, until the divergence has its full weight, so that unused topics do not collapse at
once.
"""
QUICK = {"optimizer": "adam", "learning_rate": 0.003}
"""Used if neither is set: as good topics as with AWS's defaults, adadelta at its own pace, in a third of the time."""
LEAST_SHARE = 0.01
NARROWEST, TIMES = 100, 3
"""Lower bound on the width of `auto`'s layer, and its multiple of the number of topics."""
JUDGED = 2048
"""Rows that losses are computed on at once."""


def train(job: Job, values: Mapping[str, Any]) -> None:
    """Trains and writes `model_algo-1`. Raises JobError."""
    with session(DECLARATION, "AWS/NTM", job, values) as run:
        words = corpus.vocabulary(job, values["feature_dim"])
        vectors = None if words is None else corpus.vectors(job, words)
        rows = _source(run, "train")
        assert rows is not None
        validation = _source(run, "validation")
        network = fit(run, rows, validation)
        model = TopicModel(network)
        run.save(model.encode())
        if words is not None:
            _show(run, network, rows, words, vectors)
        test = run.rows("test", ExpectedColumns(values["feature_dim"], sparse=True))
        if test is not None:
            losses = _judge(run, network, test.blocks(), "test")
            run.lines.quality("test", losses, "loss")
            run.lines.test_score({"total_loss": losses["total_loss"]})


def fit(run: Session, rows: Source, validation: Source | None) -> NTMNetwork:
    """Returns a network trained on the rows, as it was after its best epoch."""
    network = _network(run, rows)
    _learn(run, network, rows, validation)
    return network


def _source(run: Session, channel: str) -> Source | None:
    return run.source(channel, ExpectedColumns(run.values["feature_dim"], sparse=True))


def _prepare(channel: str, table: Table, own: bool = False) -> Batch:  # noqa: ARG001 - counts are copies
    return corpus.counts(table.features, f"Channel {channel}"), np.zeros(table.rows, np.float32)


def _network(run: Session, rows: Source) -> NTMNetwork:
    """Returns the initial network, the same at every host."""
    values = run.values
    layers = values["encoder_layers"]
    if layers == "auto":
        layers = [max(NARROWEST, TIMES * values["num_topics"])]
    shape = Shape(
        values["feature_dim"], values["num_topics"], tuple(layers),
        values["encoder_layers_activation"], values["batch_norm"],
    )  # fmt: skip
    held = _prepare("train", rows.table)[0]
    frequencies = run.group.total(np.asarray(held.sum(axis=0, dtype=np.float64))[0])
    if not frequencies.any():
        raise UserError("No word is in any document of channel train.")
    arrays = shape.initial(np.random.default_rng([run.seed, 0]), frequencies)
    prior = _start(run, held, arrays) if run.group.rank == 0 else None
    arrays, prior = run.group.from_first((arrays, prior))
    return NTMNetwork(shape, arrays, shape.statistics(), prior)


def _start(run: Session, held: Any, arrays: dict[str, np.ndarray]) -> np.ndarray | None:
    """Writes the initial topics into the decoder's weights. Returns the prior of mixtures (K,) if the decoder mixes topics."""
    how, topics = run.values["_start"], run.values["num_topics"]
    if not held.nnz or how == "random":
        return None
    random = np.random.default_rng([run.seed, 4])
    weight, bias = arrays["projection_weight"], arrays["projection_bias"]
    if how == "clusters" or not seeds.can_sample(held):
        if how != "clusters":
            logging.info("The topics are not sampled: some counts are not whole numbers.")
        weight += seeds.clusters(held, topics, bias, random)
        return None
    found = seeds.sampled(held, topics, bias, random)
    judging.report(run.lines, found)
    weight[...] = np.log(found.beta.T) - bias[:, None]
    return found.alpha.astype(np.float32)


def _learn(run: Session, network: NTMNetwork, rows: Source, validation: Source | None) -> None:
    """Trains the network and leaves it as it was after its best epoch."""
    values = run.values
    random = np.random.default_rng([run.seed, 1, run.group.rank])
    learner = NTMLearner(network, values if {*QUICK} & run.chosen else {**values, **QUICK}, random)
    wide = int(np.ceil(values["mini_batch_size"] / max(values["sub_sample"], LEAST_SHARE)))
    epochs = rows.batches(partial(_prepare, "train"), wide, random)
    reached: list[float] = []
    warm = 0
    best = _state(network)
    for epoch in range(1, values["epochs"] + 1):
        losses = _epoch(run, learner, _sampled(next(epochs), wide, run), epoch)
        run.lines.quality("train", losses, "loss", epoch=epoch)
        if validation is not None:
            losses = run.group.from_first(_judge(run, network, [validation.table], "validation"))
            run.lines.quality("validation", losses, "loss", epoch=epoch)
        run.lines.progress(epoch, values["epochs"])
        if losses["total_loss"] <= min(reached, default=np.inf):
            best = _state(network)
        reached.append(losses["total_loss"])
        warm += _warmth(learner, epoch) < 1
        if _settled(reached[warm:], values["num_patience_epochs"], values["tolerance"]):
            logging.info("Early stop condition met. Stopping training.")
            break
    for kept, array in zip((*network.arrays.values(), *network.moving.values()), best, strict=True):
        kept[...] = array
    logging.info("Best model based on epoch %d: total_loss %r", int(np.argmin(reached)) + 1, min(reached))


def _state(network: NTMNetwork) -> list[np.ndarray]:
    return [array.copy() for array in (*network.arrays.values(), *network.moving.values())]


def _warmth(learner: NTMLearner, epoch: int) -> float:
    """Returns the weight of the divergence, up to 1."""
    return min(1.0, max(epoch / WARM, learner.steps / WARM_STEPS))


def _settled(reached: list[float], patience: int, tolerance: float) -> bool:
    """True if the loss fell by less than `tolerance` of itself in the last epochs, of those in which the divergence has its full
    weight.
    """
    if len(reached) <= patience:
        return False
    before = min(reached[:-patience])
    return before - min(reached[-patience:]) < tolerance * abs(before)


def _sampled(batches: Iterator[Batch], wide: int, run: Session) -> Iterator[Any]:
    """Yields, of each wide batch of rows, the sampled share that is learnt from."""
    random = np.random.default_rng([run.seed, 2, run.group.rank])
    size = run.values["mini_batch_size"]
    for x, _ in batches:
        count = x.shape[0]
        if wide == size:
            yield x
        else:
            yield x[np.sort(random.choice(count, max(1, round(count * size / wide)), replace=False))]


def _epoch(run: Session, learner: NTMLearner, batches: Iterator[Any], epoch: int) -> dict[str, float]:
    """Learns from every mini-batch of all hosts. Returns losses by name; each document's loss is from just before it was learnt
    from.
    """
    began, sums, own = time.monotonic(), np.zeros(4), 0
    nothing = csr_matrix((0, learner.network.shape.words), dtype=np.float32)
    # Hosts with fewer batches continue with empty ones until no host has any.
    for batch in itertools.chain(batches, itertools.repeat(None)):
        if batch is None and run.group.size == 1:
            break
        x = nothing if batch is None else batch
        found = learner.step(x, _warmth(learner, epoch), run.group)
        if not found[3]:
            break
        sums, own = sums + found, own + x.shape[0]
    losses = _losses(sums)
    reported = {name: losses[name] for name in ("kld", "recons", "total_loss")}
    run.lines.metrics({**reported, "epochs": 1, "num.records": own}, epoch=epoch)
    run.lines.throughput(own, time.monotonic() - began)
    return losses


def _losses(sums: np.ndarray) -> dict[str, float]:
    """Returns means over documents, and the perplexity of their words."""
    recons, kld, words, rows = sums
    return {
        "total_loss": float((recons + kld) / max(rows, 1)),
        "kld": float(kld / max(rows, 1)),
        "recons": float(recons / max(rows, 1)),
        "perplexity": float(np.exp(min((recons + kld) / max(words, 1), 700))),
    }


def _judge(run: Session, network: NTMNetwork, tables: Iterable[Table], channel: str) -> dict[str, float]:
    """Returns the losses of a channel, with the same noise each time."""
    random = np.random.default_rng([run.seed, 3])
    sums = np.zeros(4)
    for table in tables:
        for x, _ in source.prepared(table, partial(_prepare, channel), JUDGED):
            losses = network.losses(x, random.standard_normal((x.shape[0], network.shape.topics), np.float32))
            sums += [losses.recons.sum(), losses.kld.sum(), x.data.sum(dtype=np.float64), x.shape[0]]
    return _losses(sums)


def _show(run: Session, network: NTMNetwork, rows: Source, words: list[str], vectors: np.ndarray | None) -> None:
    """Logs each topic's top words, their coherence, by their vectors or else in the training documents in memory, and their
    uniqueness.
    """
    tops = coherence.top_words(network.relevance())
    if vectors is not None:
        name, coherent = "wetc", coherence.embedded(vectors, tops)
    else:
        held = _prepare("train", rows.table)[0]
        documents = float(run.group.total(np.array([held.shape[0]]))[0])
        name, coherent = "npmi", coherence.npmi(run.group.total(coherence.together(held, tops)), documents)
    unique = coherence.uniqueness(tops)
    head = "Topics from epoch:final (num_topics:%d) [%s %.2f, tu %.2f]:"
    logging.info(head, len(tops), name, coherent.mean(), unique.mean())
    for topic, top in enumerate(tops):
        logging.info("[%.2f, %.2f] %s", coherent[topic], unique[topic], " ".join(words[word] for word in top))
