"""Encoders whose vectors a linear model can use: their weights are set, not learnt.

Numbers of an encoding are `plain` (a topic or a token, the same one on both sides) or `mixed` (random features). The mean of the
tokens' vectors is plain, and random projections of it are mixed. Most units of a convolution see one token each: their maximum
over time says whether a token, or something of a topic, is there. The others, and further layers, see random mixtures of
neighbours. Units of an LSTM whose gates are open count a token, and those that forget at once have the maximum of a topic; the
way back is random.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import torch
from torch import nn

from sagewright.algorithms.object2vec import spectrum
from sagewright.algorithms.object2vec.encoders import Convolutions, Pooled, Recurrent
from sagewright.algorithms.object2vec.network import Object2VecNetwork
from sagewright.algorithms.object2vec.pairs import Pairs

TOKENS, JOINT, APART, GIVEN = "tokens", "joint", "apart", "given"
"""Tables with a number for each token; with topics of pairs, or of sequences; as they are."""
OPEN, COUNTED = 12.0, 0.02
"""The bias of an LSTM's gate that is open, and the size of a count, for which its tangents are linear."""
MEMORY = 2.0
"""The forget gates' bias where an LSTM's way back is random."""


def names(tables: Collection[int]) -> tuple[str, ...]:
    """The starts to choose from. `tables`: the numbers of those that are free."""
    return (TOKENS, JOINT, APART) if tables else (GIVEN,)


def begin(
    network: Object2VecNetwork, known: Pairs, tables: Collection[int], start: str, random: np.random.Generator
) -> np.ndarray:
    """Sets tables and encoders; returns the numbers of an encoding that are plain, ascending."""
    topics = start != TOKENS
    if start in (JOINT, APART):
        spectrum.fill_unlabelled(network, known, tables, random, apart=start == APART)
    for table in tables:
        if start == TOKENS or all(known.texts[side].are_single for side in (0, 1) if _table(network, side) == table):
            _one_hot(network, table, known, random)
    plain = []
    for number, encoder in enumerate(network.encoders):
        signed = topics and not known.texts[number].are_single
        plain.append(_begin(encoder, signed, (network.settings.encoding, _generator(random))))
    return np.arange(min(plain))


def _generator(random: np.random.Generator) -> torch.Generator:
    return torch.Generator().manual_seed(int(random.integers(1 << 31)))


def _table(network: Object2VecNetwork, side: int) -> int:
    return min(side, len(network.tokens) - 1)


def _one_hot(network: Object2VecNetwork, table: int, known: Pairs, random: np.random.Generator) -> None:
    """A number of its own for each of the commonest tokens of both sides; random vectors for the others."""
    weight, counts = network.tokens[table].weight.detach(), np.zeros(1, np.int64)
    for side in (0, 1):
        if len(network.tokens[_table(network, side)].weight) == len(weight):
            own = known.texts[side].take(known.members[:, side])[0]
            counts = counts + np.bincount(own, minlength=len(weight))
    width = weight.shape[1]
    weight.normal_(0, width**-0.5, generator=_generator(random))
    commonest = torch.from_numpy(np.argsort(-counts, kind="stable")[:width].copy())
    weight[commonest] = torch.eye(width)[: len(commonest)]


Drawing = tuple[int, torch.Generator]
"""An encoding's size, and a generator."""


def _begin(encoder: nn.Module, signed: bool, drawing: Drawing) -> int:
    """Returns how many numbers are plain; these come first."""
    with torch.no_grad():
        if isinstance(encoder, Pooled):
            return _project(encoder, drawing)
        if isinstance(encoder, Convolutions):
            return _see(encoder, signed)
        assert isinstance(encoder, Recurrent)
        return _count(encoder, signed, drawing[0])


def _project(encoder: Pooled, drawing: Drawing) -> int:
    if not isinstance(encoder.layer, nn.Linear):
        return drawing[0]
    weight = encoder.layer.weight
    weight.normal_(0, weight.shape[1] ** -0.5, generator=drawing[1])
    width = min(weight.shape)
    weight[:width] = torch.eye(width, weight.shape[1])
    encoder.layer.bias.zero_()
    return width


def _see(encoder: Convolutions, signed: bool) -> int:
    first = encoder.layers[0]
    units, _, width = first.weight.shape
    return _detect(first.weight[:, :, (width - 1) // 2], first.weight, signed, units - units // 4)


def _detect(middle: torch.Tensor, whole: torch.Tensor, signed: bool, most: int) -> int:
    """Gives the first units one number of a token's vector each, or its positive and its negative part; returns how many."""
    dim = middle.shape[1]
    each = min(dim, most // 2) if signed else min(dim, most)
    units = 2 * each if signed else each
    whole[:units] = 0
    middle[:each] = torch.eye(each, dim)
    if signed:
        middle[each:units] = -torch.eye(each, dim)
    return units


def _count(encoder: Recurrent, signed: bool, encoding: int) -> int:
    layers, hidden = encoder.layers, encoder.layers.hidden_size
    for name, weight in layers.named_parameters():
        if name.startswith("weight_ih"):
            weight.mul_(10)
        elif name.startswith("bias_ih"):
            weight[hidden : 2 * hidden] += MEMORY
    if layers.num_layers > 1:
        return 0
    into, back, bias, more = layers.weight_ih_l0, layers.weight_hh_l0, layers.bias_ih_l0, layers.bias_hh_l0
    new = into[2 * hidden : 3 * hidden]
    units = _detect(new, new, signed, min(hidden, encoding))
    if not signed:
        new[:units] *= COUNTED
    for gate, open_ in enumerate((OPEN, -OPEN if signed else OPEN, 0.0, OPEN)):  # input, forget, new values, output
        part = slice(gate * hidden, gate * hidden + units)
        back[part], bias[part], more[part] = 0, open_, 0
        if gate != 2:
            into[part] = 0
    return units
