"""Draws of the algorithms that `hard.py` and `deepdraws.py` don't have, in turn."""

from __future__ import annotations

from collections.abc import Callable

import drawnpairs
import drawnrelations
import drawnrows
import drawntexts
import drawntopics
import drawnvisits
import numpy as np
from cases import Case

CLASSES: tuple[Callable[[np.random.Generator], Case], ...] = (
    drawntexts.labelled, drawntexts.vectors, drawntopics.topics, drawnvisits.visits, drawnrows.interactions,
    drawnrows.anomalies, drawnrows.components,
)  # fmt: skip


def pairs(seed: int) -> Case:
    """A draw for Object2Vec, which takes longer than the others."""
    return drawnpairs.pairs(np.random.default_rng([seed, 37]))


def relations(seed: int) -> Case:
    """A draw for Object2Vec's encoders, which takes a minute."""
    return drawnrelations.relations(np.random.default_rng([seed, 37]))


def pictures(seed: int) -> Case:
    """A draw for image classification, which takes a minute."""
    import drawnpictures

    return drawnpictures.pictures(np.random.default_rng([seed, 37]))


def scenes(seed: int) -> Case:
    """A draw for semantic segmentation, which takes minutes."""
    import drawnscenes

    return drawnscenes.scenes(np.random.default_rng([seed, 37]))


def masks(seed: int) -> Case:
    """Another draw for semantic segmentation, in which no single pixel says what it belongs to."""
    import drawnmasks

    return drawnmasks.masks(np.random.default_rng([seed, 37]))


def sentences(seed: int) -> Case:
    """A draw for Seq2Seq, which takes a minute."""
    import drawnsentences

    return drawnsentences.sentences(np.random.default_rng([seed, 37]))


def objects(seed: int) -> Case:
    """A draw for object detection, which takes minutes."""
    import drawnobjects

    return drawnobjects.objects(np.random.default_rng([seed, 37]))


def class_of(seed: int) -> Callable[[np.random.Generator], Case]:
    """The class of a seed's draw: seven seeds in a row have one of each."""
    return CLASSES[seed % len(CLASSES)]


def draw(seed: int) -> Case:
    return class_of(seed)(np.random.default_rng([seed, 37]))
