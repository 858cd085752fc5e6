"""Drawn pairs of sentences for Seq2Seq: whole jobs with the defaults of training, beside a dictionary of words that occur together
and a plain encoder and decoder with attention, as one would write them in torch.

Both networks have layers of 128 numbers: those of the default, 1,024, take minutes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
import wholejob
from cases import Case, Fit, between, one_of, whole
from edits import wrong
from sklearn.feature_extraction.text import CountVectorizer
from torch import nn
from torch.nn import functional

from sagewright.algorithms.formats import record, recordio
from sagewright.algorithms.formats.record import Tensor
from sagewright.algorithms.seq2seq import serving
from sagewright.algorithms.seq2seq.declaration import DECLARATION
from sagewright.algorithms.seq2seq.vocabulary import BEGIN, END, PAD

LATER, LONGEST, HIDDEN, EMBEDDING, EPOCHS, BATCH, RATE = 150, 9, 128, 64, 30, 32, 0.001
FIRST = 4
"""The number of the first word: those before are marks."""
UNSURE = 0.02
Pair = tuple[list[int], list[int]]


def sentences(random: np.random.Generator) -> Case:
    """Sentences that are copied, turned around, or translated word by word, with words that change places in some."""
    kind = one_of(random, "copied", "turned around", "word by word", "words change places")
    count, words = whole(random, 200, 2000), whole(random, 50, 300)
    share = np.arange(1, words + 1) ** -between(random, 0.3, 1)
    partner = random.permutation(words)
    pairs = []
    for _ in range(count + LATER):
        source = random.choice(words, random.integers(2, LONGEST), p=share / share.sum())
        pairs.append(((source + FIRST).tolist(), [int(each) + FIRST for each in _target(kind, source, partner)]))
    about = f"sentences, {kind}: {count:,}, {words} words"
    return Case(
        "seq2seq",
        about,
        _ours(pairs, count, words),
        _rivals(pairs, count, words),
        partial(wrong, pairs[count:]),
        UNSURE,
    )


def _target(kind: str, source: np.ndarray, partner: np.ndarray) -> list[int]:
    if kind == "copied":
        return list(source)
    if kind == "turned around":
        return list(source[::-1])
    found, place = list(partner[source]), 0
    while kind == "words change places" and place < len(source) - 1:
        if source[place] % 3 == 0:  # as an adjective that goes behind its noun
            found[place : place + 2] = found[place : place + 2][::-1]
            place += 1
        place += 1
    return found


def _ours(pairs: list[Pair], count: int, words: int) -> Fit:
    held = max(10, count // 10)

    def fit(seed: int) -> list[list[int]]:
        vocabulary = {
            "<pad>": 0,
            "<unk>": 1,
            "<s>": 2,
            "</s>": 3,
            **{f"w{each}": FIRST + each for each in range(words)},
        }
        files = {f"vocab.{side}.json": json.dumps(vocabulary).encode() for side in ("src", "trg")}
        media = "application/x-recordio-protobuf"
        channels = {
            "train": ({"a.rec": _records(pairs[: count - held])}, media),
            "validation": ({"a.rec": _records(pairs[count - held : count])}, media),
            "vocab": (files, "application/json"),
        }
        values = {
            "rnn_num_hidden": HIDDEN, "num_embed_source": EMBEDDING, "num_embed_target": EMBEDDING, "_seed": seed,
        }  # fmt: skip
        service = serving.serve(wholejob.trained(DECLARATION, values, channels))
        texts = [" ".join(f"w{word - FIRST}" for word in source) for source, _ in pairs[count:]]
        body = json.dumps({"instances": [{"data": text} for text in texts]}).encode()
        said = json.loads(service.invoke(body, "application/json", "application/json").body)["predictions"]
        return [[vocabulary.get(word, 1) for word in each["target"].split()] for each in said]

    return fit


def _records(pairs: Sequence[Pair]) -> bytes:
    return recordio.write_frames(
        record.encode({"source": Tensor(np.array(one, "<i4")), "target": Tensor(np.array(other, "<i4"))}, {})
        for one, other in pairs
    )


def _rivals(pairs: list[Pair], count: int, words: int) -> dict[str, Fit]:
    known, asked = pairs[:count], [source for source, _ in pairs[count:]]
    commonest = Counter(word for _, target in known for word in target).most_common(1)[0][0]
    return {
        "constant": lambda _: [[commonest] * len(source) for source in asked],
        "dictionary": lambda _: _dictionary(known, asked, words),
        "encoder and decoder in torch": lambda seed: Plain.fit(known, words, seed).say(asked),
    }


def _dictionary(known: Sequence[Pair], asked: Sequence[list[int]], words: int) -> list[list[int]]:
    """For each word the one that most often is in the other sentence too, in ratio to how often either is (Dice)."""
    counts = CountVectorizer(analyzer=list, vocabulary=range(FIRST + words), binary=True)
    one, other = (counts.transform([pair[side] for pair in known]).toarray().astype(float) for side in (0, 1))
    shares = 2 * (one.T @ other) / np.maximum(one.sum(axis=0)[:, None] + other.sum(axis=0), 1)
    best = shares.argmax(axis=1)
    return [[int(best[word]) for word in source] for source in asked]


class Plain(nn.Module):
    """A GRU in both directions, a cell a step with mlp attention, and a layer of words; the likeliest word each step."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.source, self.target = (nn.Embedding(FIRST + words, EMBEDDING) for _ in range(2))
        self.encoder = nn.GRU(EMBEDDING, HIDDEN // 2, batch_first=True, bidirectional=True)
        self.cell = nn.GRUCell(EMBEDDING + HIDDEN, HIDDEN)
        self.key, self.query = nn.Linear(HIDDEN, HIDDEN, bias=False), nn.Linear(HIDDEN, HIDDEN)
        self.score, self.words = nn.Linear(HIDDEN, 1, bias=False), nn.Linear(2 * HIDDEN, FIRST + words)

    def read(self, source: torch.Tensor) -> Any:
        values, hidden = self.encoder(self.source(source))
        return values, source != PAD, torch.cat(list(hidden), dim=1)

    def step(self, word: torch.Tensor, state: Any) -> Any:
        values, there, inner = state
        scores = self.score(torch.tanh(self.key(values) + self.query(inner)[:, None]))[..., 0]
        weights = functional.softmax(scores.masked_fill(~there, -torch.inf), dim=1)
        seen = (weights[:, :, None] * values).sum(dim=1)
        inner = self.cell(torch.cat([self.target(word), seen], dim=1), inner)
        return self.words(torch.cat([inner, seen], dim=1)), (values, there, inner)

    def loss(self, pairs: Sequence[Pair]) -> torch.Tensor:
        source, target = (
            nn.utils.rnn.pad_sequence([torch.tensor(pair[side]) for pair in pairs], batch_first=True) for side in (0, 1)
        )
        before, after = functional.pad(target, (1, 0), value=BEGIN), functional.pad(target, (0, 1), value=PAD)
        after[torch.arange(len(pairs)), (target != PAD).sum(dim=1)] = END
        state, scores = self.read(source), []
        for place in range(before.shape[1]):
            score, state = self.step(before[:, place], state)
            scores.append(score)
        return functional.cross_entropy(torch.stack(scores, dim=1).flatten(0, 1), after.flatten(), ignore_index=PAD)

    @classmethod
    def fit(cls, known: Sequence[Pair], words: int, seed: int) -> Plain:
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        network = cls(words)
        optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(known)).split(BATCH):
                optimizer.zero_grad()
                network.loss([known[row] for row in rows]).backward()
                nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimizer.step()
        return network.eval()

    def say(self, asked: Sequence[list[int]]) -> list[list[int]]:
        source = nn.utils.rnn.pad_sequence([torch.tensor(each) for each in asked], batch_first=True)
        word, said = torch.full((len(asked),), BEGIN), []
        with torch.inference_mode():
            state = self.read(source)
            for _ in range(2 * LONGEST):
                scores, state = self.step(word, state)
                word = scores.argmax(dim=1)
                said.append(word)
        rows = torch.stack(said, dim=1).tolist()
        return [row[: row.index(END)] if END in row else row for row in rows]
