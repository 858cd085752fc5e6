"""Beam search: finds the most likely sentences, with several hypotheses of several sentences at once.

A hypothesis's score is the mean log likelihood of its words, including the end mark. The encoder's vectors and the keys of
attention are computed once for each sentence, and its hypotheses read them as steps of one query. A sentence leaves the batch when
nothing can beat its best hypothesis any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from sagewright.algorithms import sequences
from sagewright.algorithms.deep.training.device import Device
from sagewright.algorithms.seq2seq.attention import Memory
from sagewright.algorithms.seq2seq.layers import State
from sagewright.algorithms.seq2seq.network import Seq2SeqNetwork
from sagewright.algorithms.seq2seq.vocabulary import BEGIN, END, PAD

TOGETHER = 64
"""Sentences that are translated at once."""


@dataclass(frozen=True)
class Translation:
    """`tokens` without marks; `weights` (words, length of the source), the attention of each word and of the end."""

    tokens: list[int]
    score: float
    weights: np.ndarray


def translate(
    network: Seq2SeqNetwork, sentences: Sequence[Sequence[int]], size: int, device: Device
) -> list[Translation]:
    """Returns the best of `size` hypotheses for each sentence, which must have at least one word."""
    found: dict[int, Translation] = {}
    with torch.inference_mode():
        for part in sequences.parts(np.array([len(each) for each in sentences], np.int64), TOGETHER):
            said = Search(network, [sentences[number] for number in part], size, device).run()
            found.update(zip(part.tolist(), said, strict=True))
    return [found[number] for number in range(len(sentences))]


@dataclass
class _Steps:
    """Choices of each step, by sentence and hypothesis: words, the hypotheses they extend, attention weights."""

    words: list[np.ndarray] = field(default_factory=list)
    parents: list[np.ndarray] = field(default_factory=list)
    weights: list[np.ndarray] = field(default_factory=list)

    def back(self, sentence: int, hypothesis: int, length: int) -> tuple[list[int], np.ndarray]:
        """Returns words and weights of a hypothesis of the last step, up to the end mark."""
        words, weights = [], []
        for step in range(len(self.words) - 1, -1, -1):
            parent = int(self.parents[step][sentence, hypothesis])
            words.append(int(self.words[step][sentence, hypothesis]))
            weights.append(self.weights[step][sentence, parent, :length])
            hypothesis = parent
        words, weights = words[::-1], weights[::-1]
        end = words.index(END) if END in words else len(words)
        return words[:end], np.array(weights[: end + 1])


class Search:
    """The search of one batch of sentences."""

    def __init__(self, network: Seq2SeqNetwork, sentences: Sequence[Sequence[int]], size: int, device: Device) -> None:
        self._network, self._size = network, size
        self._lengths = [len(each) for each in sentences]
        source = np.full((len(sentences), max(self._lengths)), PAD, np.int64)
        for row, each in zip(source, sentences, strict=True):
            row[: len(each)] = each
        lengths = torch.tensor(self._lengths)
        memory, state = network.read(device.put(torch.from_numpy(source)), lengths)
        self._memory, self._state = memory, [each.repeat_interleave(size, dim=0) for each in state]
        self._open = np.arange(len(sentences))
        self._steps = _Steps()
        self._found: list[Translation | None] = [None] * len(sentences)

    def run(self) -> list[Translation]:
        memory, state, size = self._memory, self._state, self._size
        count, limit = len(self._open), self._network.settings.max_seq_len_target + 1
        scores = memory.values.new_full((count, size), -torch.inf)
        scores[:, 0] = 0
        words = torch.full((count, size), BEGIN, device=scores.device)
        ended = torch.zeros_like(words, dtype=torch.bool)
        lengths = torch.zeros_like(words)
        for step in range(limit):
            scores, words, parents, weights, state = self._step(memory, state, scores, words, ended)
            ended = ended.gather(1, parents)
            lengths = lengths.gather(1, parents) + ~ended
            ended = ended | (words == END)
            self._keep(words, parents, weights)
            means = scores / lengths.clamp(min=1)
            over = (
                _is_over(scores, means, ended, limit) if step + 1 < limit else torch.ones(len(ended), dtype=torch.bool)
            )
            if bool(over.any()):
                self._finish(over.cpu().numpy(), means.cpu().numpy())
                rows = torch.nonzero(~over.to(scores.device))[:, 0]
                if not len(rows):
                    break
                memory, state = memory.take(rows), _of(state, rows, size)
                scores, words, ended, lengths = (each[rows] for each in (scores, words, ended, lengths))
        assert all(each is not None for each in self._found)
        return [each for each in self._found if each is not None]

    def _step(
        self, memory: Memory, state: State, scores: Tensor, words: Tensor, ended: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, State]:
        """Returns the best hypotheses with one more word: their scores, words, the hypotheses they extend, their attention, and
        states.
        """
        vectors, weights, state = self._network.advance(words.reshape(-1, 1), memory, state)
        likely = functional.log_softmax(self._network.words(vectors[:, 0]).float(), dim=1).view(*words.shape, -1)
        likely[:, :, [PAD, BEGIN]] = -torch.inf
        likely = likely.masked_fill(ended[:, :, None], -torch.inf)
        likely[:, :, PAD] = torch.where(ended, 0.0, likely[:, :, PAD])
        vocabulary = likely.shape[2]
        best, places = (scores[:, :, None] + likely).flatten(1).topk(self._size, dim=1)
        parents, chosen = places // vocabulary, places % vocabulary
        rows = (parents + self._size * torch.arange(len(parents), device=parents.device)[:, None]).flatten()
        return best, chosen, parents, weights.view(*words.shape, -1), [each[rows] for each in state]

    def _keep(self, words: Tensor, parents: Tensor, weights: Tensor) -> None:
        for kept, each in ((self._steps.words, words), (self._steps.parents, parents), (self._steps.weights, weights)):
            whole = np.zeros((len(self._found), *each.shape[1:]), np.float32 if each.is_floating_point() else np.int32)
            whole[self._open] = each.cpu().numpy()
            kept.append(whole)

    def _finish(self, over: np.ndarray, means: np.ndarray) -> None:
        for row in np.flatnonzero(over):
            sentence = int(self._open[row])
            best = int(means[row].argmax())
            tokens, weights = self._steps.back(sentence, best, self._lengths[sentence])
            self._found[sentence] = Translation(tokens, float(means[row, best]), weights)
        self._open = self._open[~over]


def _is_over(scores: Tensor, means: Tensor, ended: Tensor, limit: int) -> Tensor:
    """True if no open hypothesis can become better than the best one that has ended: likelihoods never increase."""
    best = means.masked_fill(~ended, -torch.inf).amax(dim=1)
    hope = (scores / limit).masked_fill(ended, -torch.inf).amax(dim=1)
    return (best >= hope).cpu() & ended.any(dim=1).cpu()


def _of(state: State, rows: Tensor, size: int) -> State:
    """Returns the states of the hypotheses of some sentences."""
    places = (rows[:, None] * size + torch.arange(size, device=rows.device)).flatten()
    return [each[places] for each in state]
