"""Mini-batches of pairs: their order, sequences of like lengths together, pairs that are made up."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import torch

from sagewright.algorithms.deep.device import Device
from sagewright.algorithms.object2vec.encoders import Side
from sagewright.algorithms.object2vec.network import Batch
from sagewright.algorithms.object2vec.pairs import Pairs, Texts

TRIES = 16


@dataclass(frozen=True)
class Plan:
    """The pairs of an epoch, and which of them come together."""

    pairs: Pairs
    batches: list[np.ndarray]


def plan(pairs: Pairs, size: int, width: int, random: np.random.Generator) -> Plan:
    """Mini-batches of `size` in random order; with a `width` over 0 of sequences whose lengths differ by less on both sides."""
    order = random.permutation(len(pairs))
    if not width:
        return Plan(pairs, [order[start : start + size] for start in range(0, len(order), size)])
    buckets = [(texts.lengths[pairs.members[:, number]] - 1) // width for number, texts in enumerate(pairs.texts)]
    key = buckets[0] * (buckets[1].max() + 1) + buckets[1]
    order = order[np.argsort(key[order], kind="stable")]
    ends = np.flatnonzero(np.diff(key[order])) + 1
    batches = [
        part[start : start + size] for part in np.split(order, ends) for start in range(0, len(part), size)
    ]  # fmt: skip
    return Plan(pairs, [batches[number] for number in random.permutation(len(batches))])


class MadeUp:
    """Pairs that nobody gave: a sequence of side 0 with one of side 1 that is in other pairs. They have label 0."""

    def __init__(self, pairs: Pairs, rate: int) -> None:
        self._pairs, self._rate = pairs, rate
        self._true = np.flatnonzero(pairs.labels == 1)
        self._known = np.unique(self._keys(pairs.members[:, 0], pairs.members[:, 1]))
        if not len(self._true):
            logging.warning("negative_sampling_rate is %d, and no pair has label 1: none is made up.", rate)

    def added(self, random: np.random.Generator) -> Pairs:
        """The pairs, and so many made up for each one of label 1, none of which was given."""
        pairs = self._pairs
        firsts = np.repeat(pairs.members[self._true, 0], self._rate)
        seconds = np.full(len(firsts), -1)
        open_ = np.arange(len(firsts))
        for _ in range(TRIES if len(firsts) else 0):
            drawn = pairs.members[random.integers(0, len(pairs), len(open_)), 1]
            new = ~np.isin(self._keys(firsts[open_], drawn), self._known)
            seconds[open_[new]] = drawn[new]
            open_ = open_[~new]
            if not len(open_):
                break
        found = seconds >= 0
        made = np.column_stack([firsts[found], seconds[found]])
        return Pairs(
            pairs.texts,
            np.concatenate([pairs.members, made]),
            np.concatenate([pairs.labels, np.zeros(len(made), np.float32)]),
        )

    def _keys(self, firsts: np.ndarray, seconds: np.ndarray) -> np.ndarray:
        keys: np.ndarray = firsts * len(self._pairs.texts[1]) + seconds
        return keys


def batch(pairs: Pairs, numbers: np.ndarray, device: Device) -> Batch:
    """Some pairs on the device; each different sequence is there once, but for those of one token, which cost nothing."""
    sides, places = [], []
    for number, texts in enumerate(pairs.texts):
        own, place = pairs.members[numbers, number], None
        if not texts.are_single:
            own, place = np.unique(own, return_inverse=True)
        sides.append(side(texts, own, device))
        places.append(None if place is None else device.put(torch.from_numpy(place)))
    labels = device.put(torch.from_numpy(pairs.labels[numbers]))
    return Batch((sides[0], sides[1]), (places[0], places[1]), labels)


def side(texts: Texts, numbers: np.ndarray, device: Device) -> Side:
    """Some sequences on the device."""
    tokens, lengths = texts.take(numbers)
    return Side(device.put(torch.from_numpy(tokens)), torch.from_numpy(lengths))
