"""Seq2Seq beside what one would write in torch: how English words are spoken, by letters.

The plain network has an encoder in both directions and mlp attention as ours, a cell a step, fed with what attention saw before.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import memory
import numpy as np
import packages
import torch
import verses
from contest import Contest, Entrant
from edits import wrong
from torch import nn
from torch.nn import functional

from sagewright.algorithms.deep.training import device as devices
from sagewright.algorithms.deep.training.device import Device
from sagewright.algorithms.deep.training.run import Run
from sagewright.algorithms.deep.training.together import Together
from sagewright.algorithms.firstparty.lines import Lines
from sagewright.algorithms.seq2seq import beams, training
from sagewright.algorithms.seq2seq.declaration import DECLARATION
from sagewright.algorithms.seq2seq.network import Seq2SeqNetwork
from sagewright.algorithms.seq2seq.sentences import Sentences
from sagewright.algorithms.seq2seq.settings import Seq2SeqSettings
from sagewright.algorithms.seq2seq.vocabulary import BEGIN, END, PAD
from sagewright.algorithms.sequences import Texts
from sagewright.algorithms.termination import Termination

PEERS = ("torch", "sacrebleu")
KNOWN, HELD_OUT, HIDDEN, EMBEDDING, BATCH, RATE, EPOCHS, BEAM = 8000, 500, 128, 64, 64, 0.003, 8, 5
CPU = Device(torch.device("cpu"))
Pair = tuple[list[int], list[int]]


def contests() -> Iterator[Contest]:
    known, later, sizes = words()
    entrants = [
        Entrant("Sagewright", partial(fit_ours, known, sizes), partial(errors, later), "one LSTM layer each, mlp attention"),
        Entrant("plain torch loop", partial(Plain.fit, known, sizes), partial(errors, later),
                "the same sizes, batches and epochs; input feeding; beams as ours"),
    ]  # fmt: skip
    yield Contest(f"CMUdict, {KNOWN:,} words, {HELD_OUT} others, training", "phoneme error rate", "less", entrants)
    network = fit_ours(known, sizes, 0).network
    said = partial(wrong, later)
    yield Contest(
        f"CMUdict, {HELD_OUT} words, beam search of {BEAM} by one network",
        "phoneme error rate",
        "less",
        [
            Entrant("Sagewright", lambda _seed: Ours(network)([source for source, _ in later]), said),
            Entrant("plain beam search", lambda _seed: [plain(network, source) for source, _ in later], said,
                    "a word at a time, its hypotheses together"),
        ],
    )  # fmt: skip
    yield verses.contest(fit_ours, Plain.fit, search)


@cache
def words() -> tuple[list[Pair], list[Pair], tuple[int, int]]:
    """Letters and phonemes as numbers, those to learn from and others; the sizes of both vocabularies."""
    path = packages.package("cmudict") / "cmudict" / "data" / "cmudict.dict"
    rows = [line.split("#")[0].split() for line in path.read_text().splitlines()]
    rows = [row for row in rows if row[0].isalpha() and row[0].isascii()]
    order = np.random.default_rng(0).permutation(len(rows))[: KNOWN + HELD_OUT]
    letters = {letter: 4 + place for place, letter in enumerate("abcdefghijklmnopqrstuvwxyz")}
    phonemes = {name: 4 + place for place, name in enumerate(sorted({each for row in rows for each in row[1:]}))}
    pairs = [
        ([letters[letter] for letter in rows[row][0]], [phonemes[each] for each in rows[row][1:]]) for row in order
    ]  # fmt: skip
    return pairs[:KNOWN], pairs[KNOWN:], (4 + len(letters), 4 + len(phonemes))


def texts(parts: Sequence[Sequence[int]]) -> Texts:
    return Texts(np.array([token for each in parts for token in each], np.int32), np.cumsum([0, *map(len, parts)]))


def sentences(pairs: Sequence[Pair]) -> Sentences:
    return Sentences(texts([source for source, _ in pairs]), texts([target for _, target in pairs]))


class Ours:
    """Says words by beam search."""

    def __init__(self, network: Seq2SeqNetwork) -> None:
        self.network = network.eval()

    def __call__(self, sources: Sequence[list[int]]) -> list[list[int]]:
        return [each.tokens for each in beams.translate(self.network, sources, BEAM, CPU)]


def fit_ours(known: Sequence[Pair], sizes: tuple[int, int], seed: int) -> Ours:
    batches = -(-len(known) // BATCH)
    job = memory.job(Path(tempfile.gettempdir()), {
        "rnn_num_hidden": HIDDEN, "num_embed_source": EMBEDDING, "num_embed_target": EMBEDDING, "batch_size": BATCH,
        "learning_rate": RATE, "max_num_epochs": EPOCHS, "checkpoint_frequency_num_batches": batches * EPOCHS * 2,
        "beam_size": BEAM, "max_seq_len_source": 40, "max_seq_len_target": 40, "_seed": seed,
    })  # fmt: skip
    values = DECLARATION.validate_hyperparameters(job.hyperparameters)
    devices.seed(seed)
    lines = Lines("AWS/Seq2Seq", "algo-1")
    run = Run(job, values, DECLARATION, lines, devices.choose(values), Together(), Termination(graceful=True))
    settings = Seq2SeqSettings.of(values, *sizes)
    return Ours(training.fit(run, settings, sentences(known), sentences(known[:BATCH])))


class Plain(nn.Module):
    """What one would write by hand."""

    def __init__(self, sizes: tuple[int, int]) -> None:
        super().__init__()
        self.source, self.target = (nn.Embedding(size, EMBEDDING, padding_idx=PAD) for size in sizes)
        self.encoder = nn.LSTM(EMBEDDING, HIDDEN // 2, batch_first=True, bidirectional=True)
        self.cell = nn.LSTMCell(EMBEDDING + HIDDEN, HIDDEN)
        self.key, self.query = nn.Linear(HIDDEN, HIDDEN, bias=False), nn.Linear(HIDDEN, HIDDEN)
        self.score, self.output = nn.Linear(HIDDEN, 1, bias=False), nn.Linear(2 * HIDDEN, HIDDEN)
        self.words = nn.Linear(HIDDEN, sizes[1])

    def read(self, source: torch.Tensor) -> Any:
        values, (hidden, cell) = self.encoder(self.source(source))
        start = (torch.cat(list(hidden), dim=1), torch.cat(list(cell), dim=1))
        return values, source != PAD, start, values.new_zeros(len(source), HIDDEN)

    def step(self, word: torch.Tensor, state: Any) -> Any:
        values, there, inner, seen = state
        inner = self.cell(torch.cat([self.target(word), seen], dim=1), inner)
        scores = self.score(torch.tanh(self.key(values) + self.query(inner[0])[:, None]))[..., 0]
        weights = functional.softmax(scores.masked_fill(~there, -torch.inf), dim=1)
        seen = torch.tanh(self.output(torch.cat([inner[0], (weights[:, :, None] * values).sum(dim=1)], dim=1)))
        return self.words(seen), (values, there, inner, seen)

    @classmethod
    def fit(cls, known: Sequence[Pair], sizes: tuple[int, int], seed: int) -> Plain:
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        network = cls(sizes)
        optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(known)).split(BATCH):
                source, target = (
                    nn.utils.rnn.pad_sequence([torch.tensor(known[row][side]) for row in rows], batch_first=True)
                    for side in (0, 1)
                )  # fmt: skip
                before = functional.pad(target, (1, 0), value=BEGIN)
                after = functional.pad(target, (0, 1), value=PAD)
                after[torch.arange(len(rows)), (target != PAD).sum(dim=1)] = END
                state, scores = network.read(source), []
                for place in range(before.shape[1]):
                    score, state = network.step(before[:, place], state)
                    scores.append(score)
                loss = functional.cross_entropy(
                    torch.stack(scores, dim=1).flatten(0, 1), after.flatten(), ignore_index=PAD
                )
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimizer.step()
        return network.eval()

    def __call__(self, sources: Sequence[list[int]]) -> list[list[int]]:
        with torch.inference_mode():
            return [self._say(source) for source in sources]

    def _say(self, source: list[int]) -> list[int]:
        start = self.read(torch.tensor([source]))

        def step(word: int, state: Any) -> Any:
            score, after = self.step(torch.tensor([word]), state)
            return torch.log_softmax(score[0], dim=0), after

        return search(step, start)


def search(step: Any, start: Any) -> list[int]:
    """A beam of hypotheses, one by one."""
    hypotheses: list[tuple[float, list[int], Any]] = [(0.0, [BEGIN], start)]
    done: list[tuple[float, list[int]]] = []
    for _ in range(41):
        candidates = []
        for score, words_, state in hypotheses:
            likely, after = step(words_[-1], state)
            best, chosen = likely.topk(BEAM)
            candidates += [
                (score + value, [*words_, word], after) for value, word in zip(best.tolist(), chosen.tolist(), strict=True)
            ]  # fmt: skip
        candidates.sort(key=lambda each: -each[0])
        hypotheses = []
        for score, words_, state in candidates[:BEAM]:
            if words_[-1] == END:
                done.append((score / (len(words_) - 1), words_[1:-1]))
            else:
                hypotheses.append((score, words_, state))
        if len(done) >= BEAM or not hypotheses:
            break
    done += [(score / (len(words_) - 1), words_[1:]) for score, words_, _ in hypotheses] if not done else []
    return max(done)[1]


def plain(network: Seq2SeqNetwork, source: list[int]) -> list[int]:
    """A beam search that one would write by hand, with our network: all hypotheses of one word as a batch."""
    with torch.inference_mode():
        memory_, state = network.read(torch.tensor([source]), torch.tensor([len(source)]))
        scores, words_ = torch.zeros(1), torch.tensor([[BEGIN]])
        done: list[tuple[float, list[int]]] = []
        for length in range(1, 42):
            rows = torch.zeros(len(words_), dtype=torch.long)
            vectors, _, state = network.advance(words_[:, -1:], memory_.take(rows), state)
            total = scores[:, None] + torch.log_softmax(network.words(vectors[:, 0]), dim=1)
            best, places = total.flatten().topk(BEAM)
            parents, chosen = places // total.shape[1], places % total.shape[1]
            words_, state, scores = (
                torch.cat([words_[parents], chosen[:, None]], dim=1),
                [each[parents] for each in state],
                best,
            )
            ended = chosen == END
            done += [
                (float(score) / length, row[1:-1].tolist()) for score, row in zip(scores[ended], words_[ended], strict=True)
            ]  # fmt: skip
            words_, state, scores = words_[~ended], [each[~ended] for each in state], scores[~ended]
            if len(done) >= BEAM or not len(words_):
                break
        return max(done)[1] if done else words_[0, 1:].tolist()


def errors(later: Sequence[Pair], say: Any) -> float:
    return wrong(later, say([source for source, _ in later]))
