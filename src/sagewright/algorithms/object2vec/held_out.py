"""Compares a network with a constant on the channel validation, or on held-out pairs that only the last epoch learns from.
Compares it with a linear model there, too.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from sagewright.algorithms import sequences
from sagewright.algorithms.deep.training.device import Device
from sagewright.algorithms.firstparty import baseline
from sagewright.algorithms.object2vec import batches
from sagewright.algorithms.object2vec.network import Object2VecNetwork
from sagewright.algorithms.object2vec.pairs import Pairs

JUDGED = 512
FEWEST, MOST_OF_FEW = 5, 100
"""Limits on a fifth of the pairs, if so many are held out: fewer can't tell a network from a simpler model."""


def divide(known: Pairs, seed: int) -> tuple[Pairs, Pairs] | None:
    """The pairs to learn from, and the held-out ones; None if there are too few. Each class, and each range of numbers, has its
    share of the held-out pairs: without the rare class among them, a network that knows nothing of it would look best.
    """
    random = np.random.default_rng([seed, 8])
    parts = baseline.split(len(known), random, max(FEWEST, min(MOST_OF_FEW, len(known) // 5)))
    if parts is None:
        return None
    order, count = np.lexsort((random.random(len(known)), known.labels)), len(parts[1])
    held = np.sort(order[((np.arange(count) + random.random()) * (len(known) / count)).astype(np.int64)])
    kept = np.delete(np.arange(len(known)), held)
    learnt, apart = (Pairs(known.texts, known.members[part], known.labels[part]) for part in (kept, held))
    return learnt, apart


def constant(network: Object2VecNetwork, labels: np.ndarray) -> np.ndarray:
    """The best scores (outputs,) for labels that look at no sequence: logarithms of the classes' shares, or the mean."""
    if network.settings.output != "softmax":
        return np.array([labels.mean(dtype=np.float64)], np.float32)
    counts = np.bincount(labels.astype(np.int64), minlength=network.settings.outputs) + 1e-3
    return np.asarray(np.log(counts / counts.sum()), np.float32)


def compare(network: Object2VecNetwork, nothing: np.ndarray, held: Pairs, device: Device) -> tuple[float, float]:
    """Returns the network's loss with the best of `baseline.SHARES` as a multiple of the constant's, and that share."""
    held = judged(held)
    flat, sums = device.put(torch.from_numpy(nothing)), np.zeros(len(baseline.SHARES))
    network.eval()
    with torch.inference_mode():
        for numbers in sequences.parts(_longest(held), JUDGED):
            batch = batches.batch(held, numbers, device)
            scores = network(batch)
            mixed = (flat + share * (scores - flat) for share in baseline.SHARES)
            sums += [float(network.loss(each, batch.labels)) * len(numbers) for each in mixed]
    losses = list(sums / len(held))
    best = baseline.share(losses, losses[-1])
    return baseline.ratio(losses[best], losses[-1]), baseline.shrunk(best)


def losses(network: Object2VecNetwork, held: Pairs, device: Device) -> np.ndarray:
    """The loss (n,) of each of the held-out pairs that are `judged`."""
    held = judged(held)
    found = np.empty(len(held))
    network.eval()
    with torch.inference_mode():
        for numbers in sequences.parts(_longest(held), JUDGED):
            batch = batches.batch(held, numbers, device)
            found[numbers] = network.losses(network(batch), batch.labels).cpu().numpy()
    return found


def is_better(losses: np.ndarray, simpler: np.ndarray, classes: np.ndarray | None = None) -> bool:
    """True if the losses are lower than a simpler model's, by more than the standard error of the difference.

    With the pairs' `classes`, it is the error of a mean over classes: a class of few pairs makes it large. One pair alone has the
    variance of a deviation from 0. Of few pairs, fewer than FEWEST of a class can't tell: a network that is sure of the other
    classes has a low loss on them, whatever it says of this one.
    """
    gain = simpler - losses
    if classes is None:
        return bool(gain.mean() > gain.std() / len(gain) ** 0.5)
    own = [gain[classes == each] for each in np.unique(classes)]
    if len(gain) < MOST_OF_FEW and min(map(len, own)) < FEWEST:
        return False
    squares = [len(each) * float(each.var(ddof=1) if len(each) > 1 else each[0] ** 2) for each in own]
    return bool(gain.mean() > sum(squares) ** 0.5 / len(gain))


def judged(held: Pairs) -> Pairs:
    """The held-out pairs, or MOST of them."""
    some = baseline.some(len(held), np.random.default_rng(len(held)))
    return Pairs(held.texts, held.members[some], held.labels[some])


def _longest(held: Pairs) -> np.ndarray:
    longest: np.ndarray = np.maximum(*(texts.lengths[held.members[:, side]] for side, texts in enumerate(held.texts)))
    return longest


def shrink(network: Object2VecNetwork, nothing: np.ndarray, share: float) -> None:
    """Leaves this share of the network's deviation from the constant."""
    last = network.perceptron[-1]
    assert isinstance(last, nn.Linear)
    if share < 1:
        with torch.no_grad():
            last.weight.mul_(share)
            last.bias.mul_(share).add_((1 - share) * torch.from_numpy(nothing).to(last.bias.device))
