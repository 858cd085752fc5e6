"""A linear model of what is compared, beside the network: the obvious choice for few pairs.

The layers of a network express it: its tables, encoders (`starts`) and perceptron get weights without a step, so what a job stores
has the same form. Products of random projections say which token of one side goes with which of the other. Which vectors, parts of
what is compared, and penalty are used is chosen by the errors on pairs that are left out. Single tokens on both sides can have
`factors` instead.

Sources: A. Rahimi and B. Recht, "Random Features for Large-Scale Kernel Machines", NIPS 2007; N. Pham and R. Pagh, "Fast and
Scalable Polynomial Kernels via Explicit Feature Maps", KDD 2013 (products of projections).
"""

from __future__ import annotations

import copy
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from sagewright.algorithms import sequences
from sagewright.algorithms.deep.logistic import descend
from sagewright.algorithms.deep.training.device import Device
from sagewright.algorithms.object2vec import batches, factors, kernels, starts
from sagewright.algorithms.object2vec.encoders import Pooled
from sagewright.algorithms.object2vec.factors import Form
from sagewright.algorithms.object2vec.kernels import Kernel
from sagewright.algorithms.object2vec.network import Object2VecNetwork
from sagewright.algorithms.object2vec.pairs import Pairs

MOST_PAIRS, MOST_CHOOSING, MOST_NUMBERS = 2048, 768, 100_000_000
"""Limits on the pairs that are learnt from, on those by which vectors and parts are chosen, and on a network's numbers."""
MOST_FACTORED, MOST_FORMED = 100_000, 8192
"""Limits on the pairs that factors are fitted to, and by which their form is chosen."""
TOGETHER = 256
SMALL = 1e-2
"""The most that a unit of tanh gets: there it is linear."""
PARTS = (
    ("concat",),
    ("concat", "mixed"),
    ("concat", "dot"),
    ("concat", "hadamard", "dot"),
    ("concat", "products"),
    ("concat", "hadamard", "dot", "abs_diff"),
    ("concat", "mixed", "hadamard", "dot", "abs_diff", "products"),
)
"""Parts of what is compared, of which one set is used: vectors of both sides, and random features of them (`mixed`); products,
their sums over octaves (`dot`), and products of random features (`products`); differences.
"""


@dataclass(frozen=True)
class Choice:
    """How the vectors of tokens begin, the parts that are used, and the penalty; or the form of factors instead."""

    start: str
    parts: tuple[str, ...]
    penalty: float
    form: Form | None = None


class Linear:
    """Fits the model to pairs. `network` is as before the first step; `tables`: the numbers of those that a file does not fill."""

    def __init__(self, network: Object2VecNetwork, tables: Collection[int], device: Device, seed: int) -> None:
        self._network, self._tables, self._device, self._seed = copy.deepcopy(network), tables, device, seed
        self.choice: Choice | None = None

    @classmethod
    def beside(cls, network: Object2VecNetwork, tables: Collection[int], device: Device, seed: int) -> Linear | None:
        """The model; None if the network is so large that it takes long, or if its perceptron expresses no linear model."""
        settings = network.settings
        needed = settings.outputs * (2 if settings.activation == "relu" else 1)
        if settings.numbers > MOST_NUMBERS or (settings.mlp_layers and settings.mlp_dim < needed):
            return None
        return cls(network, tables, device, seed)

    def fit(self, known: Pairs) -> Object2VecNetwork:
        """Returns the network that expresses the model. What is chosen is chosen by the first pairs that are given."""
        random = np.random.default_rng([self._seed, 21])
        everything, known = known, _some(known, MOST_PAIRS, random)
        if self.choice is None:
            self.choice = self._chosen(everything, known, random)
        choice = self.choice
        if choice.form is not None:
            return self._factored(_some(everything, MOST_FACTORED, random), choice.form)
        begun = network, _ = self.begun(choice.start, known)
        kernel = Kernel.of(only(self.blocks(begun, known), choice.parts))
        targets = _targets(network, known.labels)
        middle = targets.mean(axis=0)
        if not kernel.blocks:
            dual, biases = np.zeros((len(known), network.settings.outputs)), _no_features(network, middle)
        elif network.settings.output == "softmax":
            dual, biases = kernels.logistic(kernel, targets, choice.penalty)
        else:
            spread = max(float(targets.std()), kernels.TINY)
            dual, biases = spread * kernels.ridge(kernel, (targets - middle) / spread, choice.penalty), middle
        weights, at_zero = kernel.weights(dual)
        _express(network, _laid_out(network, begun[1], weights), np.asarray(biases + at_zero, np.float32))
        return network

    def _chosen(self, everything: Pairs, known: Pairs, random: np.random.Generator) -> Choice:
        few = _some(known, MOST_CHOOSING, random)
        targets = _unit(_targets(self._network, few.labels))
        best = Choice(starts.GIVEN, PARTS[0], kernels.PENALTIES[0])
        least = np.inf
        for start in starts.names(self._tables):
            blocks, seen = self.blocks(self.begun(start, few), few), set()
            for parts in PARTS:
                kernel = Kernel.of(only(blocks, parts))
                if not kernel.blocks or frozenset(kernel.blocks) in seen:
                    continue
                seen.add(frozenset(kernel.blocks))
                error, penalty = kernels.left_out(kernel, targets)
                if error < least:
                    least, best = error, Choice(start, parts, penalty)
        if self.is_of_tokens(few):
            few = _some(everything, MOST_FORMED, random)  # factors learn from all, and more pairs tell more of them
            widest = min(_width(self._network)) - 1
            apart = _unit(_targets(self._network, few.labels))[:, -1]
            error, form, _ = factors.best(_numbered(few)[1], apart, widest, random)
            if error < least:
                return Choice(starts.GIVEN, ("concat", "hadamard"), form.penalty, form)
        return best if self._network.settings.output != "softmax" else self._with_penalty(best, known, random)

    def is_of_tokens(self, known: Pairs) -> bool:
        """True if pairs are of single tokens, whose vectors are free and can be factors of one score."""
        settings = self._network.settings
        free = len(self._network.tokens) == len(self._tables) == 2
        fits = min(_width(self._network)) > factors.RANKS[1] and {"concat", "hadamard"} <= set(settings.comparators)
        return free and fits and settings.outputs <= 2 and all(each.are_single for each in known.texts)

    def _factored(self, known: Pairs, form: Form) -> Object2VecNetwork:
        """The network whose vectors of tokens are factors, and biases beside them."""
        random, (names, tokens) = np.random.default_rng([self._seed, 23]), _numbered(known)
        targets = _targets(self._network, known.labels)
        middle, spread = float(targets[:, -1].mean()), max(float(targets[:, -1].std()), kernels.TINY)
        scaled = (targets[:, -1] - middle) / spread
        network, _ = self.begun(starts.GIVEN, known)
        found = factors.fit(tokens, scaled, form, random)
        for table, name, own in zip(network.tokens, names, found.tables, strict=True):
            weight = table.weight.detach().zero_()
            weight[torch.from_numpy(name), : own.shape[1]] = torch.from_numpy(own).to(weight.dtype)
        slopes, biases = np.array([[spread]]), np.array([middle])
        if network.settings.output == "softmax":
            parts = np.array_split(random.permutation(len(scaled)), factors.FOLDS)
            said = factors.left_out(tokens, scaled, form, parts)[:, None].astype(np.float32)
            flat = descend(np.zeros(4), said, targets, 1 / len(said))
            slopes, biases = flat[:2][None], flat[2:]
        bias, product = np.eye(form.rank + 1)[-1:].T, np.append(np.ones(form.rank), 0.0)[:, None]
        weights = {"concat": np.vstack([bias, bias]) * slopes, "hadamard": product * slopes}
        whole = _laid_out(network, np.arange(form.rank + 1), weights)
        _express(network, whole, np.asarray(biases + slopes[0] * found.middle, np.float32))
        return network

    def _with_penalty(self, choice: Choice, known: Pairs, random: np.random.Generator) -> Choice:
        """The choice with a penalty for the cross entropy."""
        kernel = Kernel.of(only(self.blocks(self.begun(choice.start, known), known), choice.parts))
        if not kernel.blocks:
            return choice
        wanted = _targets(self._network, known.labels)
        return Choice(choice.start, choice.parts, kernels.likely_penalty(kernel, wanted, random))

    def begun(self, start: str, known: Pairs) -> tuple[Object2VecNetwork, np.ndarray]:
        """A network whose encoders give the vectors to compare, and which of their numbers are plain."""
        network = copy.deepcopy(self._network)
        return network, starts.begin(network, known, self._tables, start, np.random.default_rng([self._seed, 22]))

    def blocks(self, begun: tuple[Object2VecNetwork, np.ndarray], known: Pairs) -> dict[str, np.ndarray]:
        """Returns what is compared of each pair, by its parts."""
        network, plain = begun
        vectors = [self._vectors(network, known, side) for side in (0, 1)]
        (first, one), (second, other) = ((each[:, plain], np.delete(each, plain, axis=1)) for each in vectors)
        names, found = network.settings.comparators, {}
        if "concat" in names:
            found["concat"] = np.hstack([first, second])
            if not _takes_means(network):
                found["mixed"] = np.hstack([one, other])
        if "hadamard" in names:
            found["hadamard"], found["products"] = first * second, one * other
            found["dot"] = _octaves(found["hadamard"])
        if "abs_diff" in names:
            found["abs_diff"] = np.abs(first - second)
        return {name: block for name, block in found.items() if block.shape[1]}

    def _vectors(self, network: Object2VecNetwork, known: Pairs, side: int) -> np.ndarray:
        texts, own = known.texts[side], np.unique(known.members[:, side])
        found = np.empty((len(own), network.settings.encoding), np.float32)
        network.eval().to(self._device.place)
        with torch.inference_mode():
            for part in sequences.parts(texts.lengths[own], TOGETHER):
                said = network.encode(side, batches.side(texts, own[part], self._device))
                found[part] = said.float().cpu().numpy()
        return found[np.searchsorted(own, known.members[:, side])]


def _laid_out(network: Object2VecNetwork, plain: np.ndarray, weights: kernels.Blocks) -> np.ndarray:
    """The weights (outputs, compared) float32 of all that is compared, from those (d, outputs) of parts."""
    encoding, outputs = network.settings.encoding, network.settings.outputs
    rest, parts = np.delete(np.arange(encoding), plain), []
    empty = np.zeros((2 * encoding, outputs))
    for name in network.settings.comparators:
        both = [np.zeros((encoding, outputs)) for _ in range(2 if name == "concat" else 1)]
        mixed = weights.get("mixed" if name == "concat" else "products" if name == "hadamard" else "", empty)
        for number, own in enumerate(both):
            own[plain] = np.split(weights.get(name, empty), len(both))[number][: len(plain)]
            own[rest] = np.split(mixed, len(both))[number][: len(rest)]
        if name == "hadamard" and "dot" in weights:
            both[0][plain] += weights["dot"][_octave(len(plain))]
        parts += both
    return np.vstack(parts).T.astype(np.float32)


def _numbered(known: Pairs) -> tuple[list[np.ndarray], np.ndarray]:
    """Returns the tokens of each side that occur in pairs of single tokens, and the numbers (n, 2) that these have among them."""
    found = [
        np.unique(texts.tokens[known.members[:, side]].astype(np.int64), return_inverse=True)
        for side, texts in enumerate(known.texts)
    ]
    return [names for names, _ in found], np.column_stack([numbers for _, numbers in found])


def _width(network: Object2VecNetwork) -> list[int]:
    """How many numbers of a token's vector each side's encoding has; 0 if it takes no means."""
    return [
        min(network.settings.encoding, side.token_dim) if isinstance(encoder, Pooled) else 0
        for side, encoder in zip(network.settings.sides, network.encoders, strict=True)
    ]


def only(blocks: kernels.Blocks, names: Collection[str]) -> dict[str, np.ndarray]:
    return {name: block for name, block in blocks.items() if name in names}


def _some(known: Pairs, most: int, random: np.random.Generator) -> Pairs:
    if len(known) <= most:
        return known
    drawn = np.sort(random.choice(len(known), most, replace=False))
    return Pairs(known.texts, known.members[drawn], known.labels[drawn])


def _targets(network: Object2VecNetwork, labels: np.ndarray) -> np.ndarray:
    """(n, outputs): the numbers, or 1 for the label's class."""
    if network.settings.output != "softmax":
        return labels[:, None].astype(np.float64)
    return np.eye(network.settings.outputs, dtype=np.float32)[labels.astype(np.int64)]


def _unit(targets: np.ndarray) -> np.ndarray:
    """Targets with a mean of 0 and a deviation of 1 in all."""
    return np.asarray((targets - targets.mean(axis=0)) / max(float(targets.std()), kernels.TINY))


def _no_features(network: Object2VecNetwork, middle: np.ndarray) -> np.ndarray:
    return np.log(middle + kernels.TINY) if network.settings.output == "softmax" else middle


def _takes_means(network: Object2VecNetwork) -> bool:
    return all(isinstance(each, Pooled) for each in network.encoders)


def _octave(count: int) -> np.ndarray:
    """The octave of each of so many numbers: 0 for the first, 1 for the next two, 2 for the next four, ..."""
    return np.log2(np.arange(1, count + 1)).astype(np.int64)


def _octaves(products: np.ndarray) -> np.ndarray:
    """The sums (n, octaves) of products (n, numbers) over octaves: of the first topics, and of ever more of the later ones."""
    places = _octave(products.shape[1])
    return (
        np.stack([products[:, places == each].sum(axis=1) for each in np.unique(places)], axis=1)
        if len(places)
        else products
    )


def _express(network: Object2VecNetwork, weights: np.ndarray, biases: np.ndarray) -> None:
    """Makes the perceptron the linear function of weights (outputs, compared) and biases."""
    layers = [each for each in network.perceptron if isinstance(each, nn.Linear)]
    kind, outputs = network.settings.activation, len(biases)
    given = torch.from_numpy(weights), torch.from_numpy(biases)
    scale = 1.0
    with torch.no_grad():
        for layer in layers:
            layer.weight.zero_()
            layer.bias.zero_()
        if len(layers) == 1:
            layers[0].weight.copy_(given[0])
            layers[0].bias.copy_(given[1])
            return
        if kind == "tanh":
            scale = SMALL / max(float(given[0].abs().sum(dim=1).max() + given[1].abs().max()), SMALL)
        layers[0].weight[:outputs], layers[0].bias[:outputs] = scale * given[0], scale * given[1]
        if kind == "relu":
            layers[0].weight[outputs : 2 * outputs], layers[0].bias[outputs : 2 * outputs] = -given[0], -given[1]
        units = 2 * outputs if kind == "relu" else outputs
        for layer in layers[1:-1]:
            layer.weight[:units, :units] = torch.eye(units)
        layers[-1].weight[:, :outputs] = torch.eye(outputs) / scale
        if kind == "relu":
            layers[-1].weight[:, outputs:units] = -torch.eye(outputs)
