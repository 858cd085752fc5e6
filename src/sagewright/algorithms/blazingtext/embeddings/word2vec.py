"""Word vectors: the vocabulary, epochs on all hosts, `vectors.txt`, `vectors.bin` and `eval.json`.

A host's text is cut into parts, whose number depends on its length and not on the number of CPUs. One thread learns from each part
on a copy of the vectors. Several times in an epoch, the copies of all parts and hosts are merged: each row moves by the mean of the
updates of those copies that updated it. The same seed therefore gives the same vectors.
"""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from sagewright.algorithms.blazingtext import modelfile, progress, reading, vocabulary
from sagewright.algorithms.blazingtext.embeddings import pairskernel, similarity
from sagewright.algorithms.blazingtext.modelfile import CBOW, NEGATIVE, SKIPGRAM, Arguments, Dense, ModelFile
from sagewright.algorithms.blazingtext.reading import Text
from sagewright.algorithms.blazingtext.vocabulary import END, Grams, Subwords, Vocabulary
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty import artefact, threads
from sagewright.algorithms.firstparty.rows import memory
from sagewright.algorithms.firstparty.session import Session

KERNELS = {mode: getattr(pairskernel, mode) for mode in ("cbow", "skipgram", "batch_skipgram")}
WORDS_A_PART, MOST_PARTS = 5_000_000, 16
ROUNDS = 4
"""Rounds of an epoch; after each, the copies are merged if there are several."""
POWER = 0.75
"""The exponent of a word's count in the distribution of negative samples."""
ENOUGH, MOST_EPOCHS = {"cbow": 1_000_000, "skipgram": 300_000, "batch_skipgram": 300_000}, 100
"""The least number of words, over all epochs, that vectors are learnt from where `epochs` has its default, and the most epochs.
CBOW makes one step a word, the others one for each of its neighbours.
"""
MOST_THRESHOLD, LONG = 1e-3, 100_000
"""The highest `sampling_threshold` where it has its default, and the words of a text that can have it."""
ROWS_TOGETHER = 1 << 14
TEXT, BINARY, EVALUATION = "vectors.txt", "vectors.bin", "eval.json"


@dataclass(frozen=True)
class Sentences:
    """`ids` (n,) int32; sentence k spans `starts[k]` to `starts[k + 1]`."""

    ids: np.ndarray
    starts: np.ndarray

    def part(self, number: int, count: int) -> Sentences:
        """One of `count` parts, each of whole sentences."""
        ends = np.searchsorted(self.starts, len(self.ids) * np.arange(count + 1) / count)
        own = self.starts[ends[number] : ends[number + 1] + 1]
        return Sentences(self.ids, own) if len(own) > 1 else Sentences(self.ids, np.zeros(1, np.int64))


def train(run: Session) -> None:
    """Trains and writes the vectors."""
    values = run.values
    text = reading.read(run.job, "train", empty=run.group.size > 1 and _is_sharded(run))
    known = _vocabulary(run, text)
    run.solver("word2vec", *(["subwords"] if values["subwords"] else []))
    grams, rows = _rows(run, known)
    sentences = _sentences(run, text, known)
    width = values["vector_dim"]
    size = 4 * width * (len(known) * 2 + grams.buckets)
    memory.require(2 * size, "vectors", "A smaller vector_dim, fewer buckets or a larger min_count take less.")
    logging.info("%d words, %d of them known, %d buckets", len(text.ids), len(known), grams.buckets)
    random = np.random.default_rng([run.seed, 1])
    begun = random.uniform(-0.5 / width, 0.5 / width, (len(known) + grams.buckets, width)).astype(np.float32)
    model = Word2VecLearner(begun, np.zeros((len(known), width), np.float32), rows)
    learn(run, model, sentences, known.counts)
    if run.group.rank == 0:
        _save(run, model, known, grams)


def _vocabulary(run: Session, text: Text) -> Vocabulary:
    """The vocabulary of all hosts. Raises UserError if no word is frequent enough."""
    counts = np.bincount(text.ids, minlength=len(text.words))
    counts[0] = 0  # the end of a line
    words = text.words
    if run.group.size > 1 and _is_sharded(run):
        words, counts = _together(run.group.gather((words, counts)))
    least = run.values["min_count"]
    chosen = vocabulary.chosen(counts, least)
    if not len(chosen):
        raise UserError(f"no word of channel train occurs {least} times: a smaller min_count keeps more of them")
    return Vocabulary([words[number] for number in chosen], counts[chosen])


def _is_sharded(run: Session) -> bool:
    return run.job.channels["train"].distribution == "ShardedByS3Key"


def _together(said: list[tuple[list[bytes], np.ndarray]]) -> tuple[list[bytes], np.ndarray]:
    total: dict[bytes, int] = {}
    for words, counts in said:
        for word, count in zip(words, counts.tolist(), strict=True):
            total[word] = total.get(word, 0) + count
    return list(total), np.array(list(total.values()), np.int64)


def _rows(run: Session, known: Vocabulary) -> tuple[Grams, Subwords]:
    values = run.values
    if not values["subwords"]:
        return Grams(0), Subwords(known, Grams(0))
    pieces = vocabulary.cut(known.words, values["min_char"], values["max_char"])
    distinct = len({piece for each in pieces for piece in each})
    buckets = values["buckets"] if "buckets" in run.chosen else vocabulary.buckets_for(distinct)
    grams = Grams(buckets, 1, values["min_char"], values["max_char"])
    return grams, Subwords(known, grams, pieces)


def _sentences(run: Session, text: Text, known: Vocabulary) -> Sentences:
    """This host's sentences of known words. Long sentences are cut. If every host has the whole channel, each host uses every n-th
    sentence, so that a corpus of one line is shared like any other.
    """
    place = np.array([-1 if word == END else known.places.get(word, -1) for word in text.words], np.int32)
    ids = place[text.ids]
    line = np.cumsum(text.ids == 0)
    kept = ids >= 0
    ids, line = ids[kept], line[kept]
    first = np.flatnonzero(np.append(True, line[1:] != line[:-1])) if len(ids) else np.zeros(0, np.int64)
    pieces = [np.arange(*ends, pairskernel.LONGEST) for ends in itertools.pairwise([*first, len(ids)])]
    starts = np.concatenate([*pieces, [len(ids)]]).astype(np.int64)
    if run.group.size == 1 or _is_sharded(run):
        return Sentences(ids, starts)
    number = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    lengths = np.diff(starts)[run.group.rank :: run.group.size]
    return Sentences(ids[number % run.group.size == run.group.rank], np.append(0, np.cumsum(lengths)))


class Word2VecLearner:
    """`inputs` (r, d) and `outputs` (v, d) float32, and the rows of each word."""

    def __init__(self, inputs: np.ndarray, outputs: np.ndarray, rows: Subwords) -> None:
        self.inputs, self.outputs, self.rows = inputs, outputs, rows

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        return self.inputs, self.outputs, self.rows.indptr, self.rows.rows

    def copy(self) -> Word2VecLearner:
        return Word2VecLearner(self.inputs.copy(), self.outputs.copy(), self.rows)

    def vectors(self, words: np.ndarray) -> np.ndarray:
        """Vectors (n, d) of words by their numbers."""
        found = np.zeros((len(words), self.inputs.shape[1]), np.float32)
        begins, ends = self.rows.indptr[words], self.rows.indptr[words + 1]
        for number, (begin, end) in enumerate(zip(begins, ends, strict=True)):
            found[number] = self.inputs[self.rows.rows[begin:end]].mean(axis=0)
        return found


def learn(run: Session, model: Word2VecLearner, sentences: Sentences, counts: np.ndarray) -> None:
    """Runs all epochs in place, with the same result at every host."""
    values, rate = run.values, run.values["learning_rate"]
    skipped_above = threshold(run, counts)
    if skipped_above != values["sampling_threshold"]:
        logging.info("sampling_threshold is at its default: for %d known words it is %.3g.", len(counts), skipped_above)
    noise = noise_of(counts, skipped_above)
    epochs = _epochs(run, float(counts @ noise[0].astype(np.float64)))
    settings = values["window_size"], values["negative_samples"], values["batch_size"]
    parts = max(1, min(MOST_PARTS, len(sentences.ids) // WORDS_A_PART))
    copies = parts * run.group.size
    rounds = ROUNDS if copies > 1 else 1
    meter = progress.Meter(rate, 0)
    kernel = KERNELS[values["mode"]]
    for step in range(epochs * rounds):
        rates = tuple(rate * max(1e-4, 1 - each / (epochs * rounds)) for each in (step, step + 1))

        def each(number: int, step: int = step, rates: Any = rates) -> tuple[Word2VecLearner, int]:
            own = model if copies == 1 else model.copy()
            text = sentences.part(number, parts).part(step % rounds, rounds) if copies > 1 else sentences
            chance = np.random.default_rng([run.seed, 2, step, number, run.group.rank])
            state = chance.integers(0, 1 << 63, 1, dtype=np.uint64)
            return own, kernel((text.ids, text.starts), own.arrays, noise, settings, rates, state)

        found = threads.each(each, range(parts))
        if copies > 1:
            _put_together(run, model, [own for own, _ in found])
        meter.tell(sum(count for _, count in found), (step + 1) / (epochs * rounds))
    meter.end()


def threshold(run: Session, counts: np.ndarray) -> float:
    """The share of the text above which a word is skipped at times, given the counts of the known words.

    The default is for large vocabularies: nearly every word of a small one is above it, so that most of the text is skipped. Where
    it isn't set, it is at least the mean share of a word, but at most MOST_THRESHOLD. In short texts, whose epochs are many, it
    rises with the number of words: there, frequent words would crowd out rare ones.
    """
    given = float(run.values["sampling_threshold"])
    if "sampling_threshold" in run.chosen:
        return given
    return max(given, min(MOST_THRESHOLD, 1 / len(counts), float(counts.sum()) / LONG * MOST_THRESHOLD))


def _epochs(run: Session, kept: float) -> int:
    """The number of epochs, given how many words of all hosts' text an epoch keeps: more than the default of a small text, whose
    vectors would hardly move."""
    epochs, enough = int(run.values["epochs"]), ENOUGH[run.values["mode"]]
    if "epochs" in run.chosen or kept * epochs >= enough:
        return epochs
    more = int(min(MOST_EPOCHS, np.ceil(enough / max(kept, 1.0))))
    logging.info("An epoch keeps %d words, so that there are %d epochs: the number is at its default.", kept, more)
    return more


def _put_together(run: Session, model: Word2VecLearner, copies: list[Word2VecLearner]) -> None:
    for whole, parts in (
        (model.inputs, [each.inputs for each in copies]),
        (model.outputs, [each.outputs for each in copies]),
    ):
        for start in range(0, len(whole), ROWS_TOGETHER):
            rows = slice(start, start + ROWS_TOGETHER)
            moved = [each[rows] - whole[rows] for each in parts]
            times = sum((each != 0).any(axis=1).astype(np.float32) for each in moved)
            total = run.group.total(np.column_stack([sum(moved), times]).astype(np.float32))
            whole[rows] += (total[:, :-1] / np.maximum(total[:, -1:], 1)).astype(np.float32)


def noise_of(counts: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The probability of keeping each word, and Walker's table of counts to the power of 3/4."""
    share = counts / counts.sum()
    stays = np.minimum(1, np.sqrt(threshold / share) + threshold / share).astype(np.float32)
    weights = counts**POWER
    scaled = weights / weights.sum() * len(counts)
    limit, other = np.ones(len(counts), np.float32), np.arange(len(counts), dtype=np.int32)
    small, large = list(np.flatnonzero(scaled < 1)), list(np.flatnonzero(scaled >= 1))
    while small and large:
        low, high = small.pop(), large[-1]
        limit[low], other[low] = scaled[low], high
        scaled[high] -= 1 - scaled[low]
        if scaled[high] < 1:
            small.append(large.pop())
    return stays, limit, other


def _save(run: Session, model: Word2VecLearner, known: Vocabulary, grams: Grams) -> None:
    values, directory = run.values, run.job.model_directory
    artefact.write(directory, _lines(model, known), TEXT)
    arguments = Arguments(
        dim=values["vector_dim"],
        ws=values["window_size"],
        epoch=values["epochs"],
        minCount=values["min_count"],
        neg=values["negative_samples"],
        loss=NEGATIVE,
        model=CBOW if values["mode"] == "cbow" else SKIPGRAM,
        bucket=grams.buckets,
        minn=grams.least,
        maxn=grams.most,
        t=threshold(run, known.counts),
    )
    file = ModelFile(arguments, known, Vocabulary([], np.zeros(0)), grams, Dense(model.inputs), Dense(model.outputs))
    modelfile.write(directory / BINARY, file, int(known.counts.sum()))
    if values["evaluation"]:
        _evaluate(run, model, known)


def _lines(model: Word2VecLearner, known: Vocabulary) -> Iterator[bytes]:
    """Lines in word2vec's text format."""
    yield f"{len(known)} {model.inputs.shape[1]}\n".encode()
    for start in range(0, len(known), ROWS_TOGETHER):
        numbers = np.arange(start, min(start + ROWS_TOGETHER, len(known)))
        for number, vector in zip(numbers, model.vectors(numbers).tolist(), strict=True):
            yield known.words[number] + b" " + " ".join(f"{value:.6g}" for value in vector).encode() + b"\n"


def _evaluate(run: Session, model: Word2VecLearner, known: Vocabulary) -> None:
    pairs = similarity.pairs()
    if pairs is None:
        logging.info(
            "Vectors are not evaluated: the pairs of WS-353, which gensim's distribution contains, are not installed."
        )
        return

    def vector(word: bytes) -> np.ndarray | None:
        place = known.places.get(word)
        return None if place is None else model.vectors(np.array([place]))[0]

    found = similarity.evaluated(pairs, vector)
    missing = found[similarity.NAME]["not_found"]
    logging.info("Evaluating word embeddings: %d of %d pairs have a word that is not known.", missing, len(pairs))
    logging.info("#mean_rho: %.6g", found["mean_rho"])
    artefact.write(run.job.model_directory, json.dumps(found, indent=1).encode(), EVALUATION)
