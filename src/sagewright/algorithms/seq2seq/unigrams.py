"""A baseline of word frequencies, which ignores the sentence: initialises the network, and limits its loss."""

from __future__ import annotations

import logging
import math

import numpy as np
import torch
from torch.nn import functional

from sagewright.algorithms import sequences
from sagewright.algorithms.deep.training.device import Device
from sagewright.algorithms.firstparty import baseline
from sagewright.algorithms.seq2seq import network
from sagewright.algorithms.seq2seq.network import Seq2SeqNetwork
from sagewright.algorithms.seq2seq.sentences import Sentences
from sagewright.algorithms.seq2seq.vocabulary import END

JUDGED = 64


def frequencies(known: Sentences, words: int) -> np.ndarray:
    """Logarithms (words,) of the target words' frequencies, each counted once more than it occurs; a sentence has one end."""
    counts = np.bincount(known.target.tokens, minlength=words) + 1.0
    counts[END] += len(known)
    return np.asarray(np.log(counts / counts.sum()), np.float32)


def begin(found: Seq2SeqNetwork, logarithms: np.ndarray) -> None:
    """Sets the biases of the words, so that training begins at their frequencies."""
    with torch.no_grad():
        found.words.bias.copy_(torch.from_numpy(logarithms))


def loss(logarithms: np.ndarray, known: Sentences) -> float:
    """Returns the cross entropy, per word, of pairs under the frequencies alone."""
    total = float(logarithms[known.target.tokens].sum(dtype=np.float64)) + len(known) * float(logarithms[END])
    return -total / (len(known.target.tokens) + len(known))


def limit(
    found: Seq2SeqNetwork, perplexity: float, logarithms: np.ndarray, known: Sentences, device: Device
) -> tuple[float, bool]:
    """Returns the network's cross entropy as a multiple of the frequencies', and whether it has changed: if worse, it is moved
    towards them, as far as that helps on the pairs.
    """
    nothing, own = loss(logarithms, known), math.log(perplexity)
    if own <= nothing:
        return baseline.ratio(own, nothing), False
    losses = _losses(found, torch.from_numpy(logarithms), known, device)
    number = baseline.share(losses, nothing)
    share = baseline.shrunk(number)
    with torch.no_grad():
        found.words.weight.mul_(share)
        found.words.bias.mul_(share).add_((1 - share) * device.put(torch.from_numpy(logarithms)))
    logging.info("The frequencies of words have perplexity %.4g, the network %.4g.", math.exp(nothing), perplexity)
    return baseline.ratio(losses[number], nothing), number > 0


def _losses(found: Seq2SeqNetwork, logarithms: torch.Tensor, known: Sentences, device: Device) -> list[float]:
    """The cross entropies under each of `baseline.SHARES`."""
    found.eval()
    sums, count, own = np.zeros(len(baseline.SHARES)), 0, device.put(logarithms)
    with torch.inference_mode():
        for numbers in sequences.parts(np.maximum(known.source.lengths, known.target.lengths), JUDGED):
            batch = network.batch(known, numbers, device)
            scores, words = found(batch).float(), batch.after[batch.is_word]
            mixed = (share * scores + (1 - share) * own for share in baseline.SHARES)
            sums += [float(functional.cross_entropy(each, words, reduction="sum")) for each in mixed]
            count += len(words)
    return list(sums / count)
