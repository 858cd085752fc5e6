"""Seq2Seq on verses of the New Testament, English to Spanish, beside a plain network with attention and torch's transformer
of about as many weights. All three have the same words, batches and epochs, and search with beams as long.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
import packages
import sacrebleu
import torch
from contest import Contest, Entrant
from torch import nn
from torch.nn import functional

PAD, UNKNOWN, BEGIN, END, FIRST = 0, 1, 2, 3, 4
KNOWN, LATER, LONGEST, VOCABULARY = 3500, 150, 24, 2500
WIDTH, HEADS, INNER, LAYERS, BATCH, RATE, EPOCHS, WARM, DROPPED = 96, 4, 256, 2, 64, 0.001, 8, 100, 0.1
Pair = tuple[list[int], list[int]]
Fit = Callable[..., Any]


def contest(fit_ours: Fit, fit_plain: Fit, search: Any) -> Contest:
    """`search` says words by beams, from a step and a beginning."""
    known, later, names = verses()
    sizes = (VOCABULARY, VOCABULARY)
    judge = partial(score, [target for _, target in later], [source for source, _ in encoded(later, names)], names[1])
    numbers = encoded(known, names)
    entrants = [
        Entrant("Sagewright", partial(fit_ours, numbers, sizes), judge, "one LSTM layer each, mlp attention"),
        Entrant("plain torch loop", partial(fit_plain, numbers, sizes), judge, "the same sizes; input feeding"),
        Entrant("torch.nn.Transformer", partial(Transformer.fit, numbers, search), judge, f"{LAYERS} layers of {WIDTH} each"),
    ]  # fmt: skip
    about = (
        f"Verses of up to {LONGEST} words, English to Spanish, {KNOWN:,} and {LATER} others, {EPOCHS} epochs, one round"
    )
    return Contest(about, "sacrebleu", "more", entrants, rounds=1)


@cache
def verses() -> tuple[list[tuple[list[str], list[str]]], list[tuple[list[str], list[str]]], list[list[str]]]:
    """Words of both languages, those to learn from and others; the commonest words of each."""
    short = [pair for pair in packages.verses() if all(3 <= len(each) <= LONGEST for each in pair)]
    order = np.random.default_rng(0).permutation(len(short))[: KNOWN + LATER]
    pairs = [short[row] for row in order]
    known, later = pairs[LATER:], pairs[:LATER]
    names = [
        ["<pad>", "<unk>", "<s>", "</s>"]
        + [word for word, _ in Counter(word for pair in known for word in pair[side]).most_common(VOCABULARY - FIRST)]
        for side in (0, 1)
    ]
    return known, later, names


def encoded(pairs: Sequence[tuple[list[str], list[str]]], names: list[list[str]]) -> list[Pair]:
    places = [{word: number for number, word in enumerate(own)} for own in names]
    return [
        tuple([place.get(word, UNKNOWN) for word in words] for place, words in zip(places, pair, strict=True))
        for pair in pairs
    ]  # type: ignore[misc]


def score(right: list[list[str]], sources: list[list[int]], names: list[str], say: Any) -> float:
    said = [" ".join(names[word] for word in words) for words in say(sources)]
    return float(sacrebleu.corpus_bleu(said, [[" ".join(words) for words in right]], tokenize="none").score)


class Transformer(nn.Module):
    """As torch's tutorials have it: its layers, sines of places, target vectors that are the last layer's too."""

    def __init__(self, search: Any) -> None:
        super().__init__()
        self.source, self.target = (nn.Embedding(VOCABULARY, WIDTH, padding_idx=PAD) for _ in range(2))
        self.body = nn.Transformer(WIDTH, HEADS, LAYERS, LAYERS, INNER, DROPPED, batch_first=True)
        for each in (self.source, self.target):
            nn.init.normal_(each.weight, 0, WIDTH**-0.5)
        places = torch.arange(LONGEST + 2)[:, None] / 10000 ** (torch.arange(0, WIDTH, 2) / WIDTH)
        self.register_buffer("places", torch.cat([places.sin(), places.cos()], 1))
        self._search = search

    def forward(self, source: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
        gone = source == PAD
        later = nn.Transformer.generate_square_subsequent_mask(before.shape[1])
        found = self.body(
            self._placed(self.source, source), self._placed(self.target, before), tgt_mask=later,
            src_key_padding_mask=gone, memory_key_padding_mask=gone, tgt_is_causal=True,
        )  # fmt: skip
        return found @ self.target.weight.T

    def _placed(self, table: nn.Embedding, words: torch.Tensor) -> torch.Tensor:
        return table(words) * math.sqrt(WIDTH) + self.places[: words.shape[1]]

    @classmethod
    def fit(cls, known: Sequence[Pair], search: Any, seed: int) -> Transformer:
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        network = cls(search)
        optimizer = torch.optim.Adam(network.parameters(), lr=RATE, betas=(0.9, 0.98))
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / WARM))
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(known)).split(BATCH):
                source = nn.utils.rnn.pad_sequence([torch.tensor(known[row][0]) for row in rows], batch_first=True)
                whole = nn.utils.rnn.pad_sequence(
                    [torch.tensor([BEGIN, *known[row][1], END]) for row in rows], batch_first=True
                )
                said = network.forward(source, whole[:, :-1])
                loss = functional.cross_entropy(said.flatten(0, 1), whole[:, 1:].flatten(), ignore_index=PAD)
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimizer.step()
                schedule.step()
        return network.eval()

    def __call__(self, sources: Sequence[list[int]]) -> list[list[int]]:
        with torch.inference_mode():
            return [self._say(torch.tensor([source])) for source in sources]

    def _say(self, source: torch.Tensor) -> list[int]:
        memory = self.body.encoder(self._placed(self.source, source))

        def step(word: int, before: list[int]) -> Any:
            words = [*before, word]
            found = self.body.decoder(self._placed(self.target, torch.tensor([words[: LONGEST + 2]])), memory)
            return torch.log_softmax(found[0, -1] @ self.target.weight.T, dim=0), words

        said: list[int] = self._search(step, [])
        return said
