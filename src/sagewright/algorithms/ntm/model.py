"""A trained neural topic model: its file and its predictions.

`model_algo-1` is a zip archive: `params`, a file of MXNet arrays, whose `arg:projection_weight` (V, K) gives each word's relevance
to each topic, which plus `arg:projection_bias` (V,) is the logarithm of the words' shares in it; `symbol.json`; and `meta.json`,
the network's shape and decoder. For a mixture, `arg:prior` (K,) is the mixtures' prior; an archive that names no decoder has a
product.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty import artefact, ndarray, requests
from sagewright.algorithms.firstparty.requests import Features
from sagewright.algorithms.firstparty.responses import Fields
from sagewright.algorithms.firstparty.serving import Answers, Service
from sagewright.algorithms.mixtures import inference
from sagewright.algorithms.mixtures.topics import Topics
from sagewright.algorithms.ntm import decoders
from sagewright.algorithms.ntm.corpus import counts
from sagewright.algorithms.ntm.network import ACTIVATIONS, RELEVANCE, NTMNetwork, Shape, softmax
from sagewright.serving.messages import Answering

ROWS = 4096
MIXTURE = "mixture"


@dataclass(frozen=True)
class TopicModel:
    network: NTMNetwork

    def predict(self, features: Features, verbose: bool = False) -> Fields:  # noqa: ARG002 - there is no more to say
        """Returns the `topic_weights` (K,) of each document: those of the mean of its Gaussian; a mixture decoder refines them by
        the document's words.
        """
        x = counts(requests.sparse_or_dense(features, self.network.shape.words), "the request")
        means = [self.network.means(x[start : start + ROWS]) for start in range(0, x.shape[0], ROWS)]
        guessed = softmax(np.concatenate(means).astype(np.float64))
        if self.topics is None:
            return {"topic_weights": guessed}
        prior = (
            self.topics.alpha + self.topics.alpha.sum() * guessed
        )  # the encoder's estimate counts as much as the corpus
        return {"topic_weights": inference.mixtures(x.astype(np.float64), self.topics, prior)}

    @cached_property
    def topics(self) -> Topics | None:
        """Returns the topics of a mixture; None for a product."""
        network = self.network
        if network.prior is None:
            return None
        beta = decoders.distributions(network.arrays).T
        return Topics(network.prior.astype(np.float64), np.ascontiguousarray(beta, np.float64))

    def encode(self) -> bytes:
        shape, arrays = self.network.shape, dict(self.network.arrays)
        # The topics' shares add up to 1, so any part of the words' bias can be added to every topic's column.
        arrays["projection_weight"] = self.network.relevance()
        arrays["projection_bias"] = arrays["projection_bias"] * np.float32(1 - RELEVANCE)
        named = {f"arg:{name}": array.T if _turned(name) else array for name, array in arrays.items()}
        named |= {f"aux:{name}": array for name, array in self.network.moving.items()}
        if self.network.prior is not None:
            named["arg:prior"] = self.network.prior.astype(np.float32)
        meta = {
            "feature_dim": shape.words,
            "num_topics": shape.topics,
            "encoder_layers": list(shape.layers),
            "encoder_layers_activation": shape.activation,
            "batch_norm": shape.batch_norm,
        }
        if self.network.prior is not None:
            meta["decoder"] = MIXTURE
        members = {"params": ndarray.encode(named), "symbol.json": _symbol(named), "meta.json": _text(meta)}
        return artefact.zipped(members)

    @classmethod
    def decode(cls, content: bytes) -> TopicModel:
        """Raises UserError if the content is not such an archive."""
        members = artefact.unzipped(content)
        shape, mixing = _shape(artefact.member(members, "meta.json"))
        expected = _sizes(shape) | ({"prior": (shape.topics,)} if mixing else {})
        arrays = dict(zip(expected, ndarray.named(artefact.member(members, "params"), *expected), strict=True))
        for name, size in expected.items():
            if arrays[name].shape != size:
                raise UserError(f"array {name} has shape {arrays[name].shape}, and meta.json requires {size}")
            if not np.isfinite(arrays[name]).all():
                raise UserError(f"array {name} has values that are not numbers")
        arrays = {name: array.T if _turned(name) else array for name, array in arrays.items()}
        arrays = {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}
        moving = {name: arrays.pop(name) for name in expected if "_moving_" in name}
        prior = arrays.pop("prior", None)
        if prior is not None and not (prior > 0).all():
            raise UserError("array prior must be positive")
        return cls(NTMNetwork(shape, arrays, moving, prior))


def _turned(name: str) -> bool:
    """True if the file stores the array as (outputs, inputs), the transpose of the network's; the decoder is (V, K) in both."""
    return name.endswith("_weight") and not name.startswith("projection")


def _sizes(shape: Shape) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of the file's arrays."""
    found: dict[str, tuple[int, ...]] = {}
    width = shape.words
    for number, size in enumerate(shape.layers):
        found |= {f"enc_{number}_weight": (size, width), f"enc_{number}_bias": (size,)}
        if shape.batch_norm:
            found |= {f"enc_{number}_{part}": (size,) for part in ("gamma", "beta", "moving_mean", "moving_var")}
        width = size
    for name in ("mean", "logvar"):
        found |= {f"{name}_weight": (shape.topics, width), f"{name}_bias": (shape.topics,)}
    return found | {"projection_weight": (shape.words, shape.topics), "projection_bias": (shape.words,)}


def _shape(content: bytes) -> tuple[Shape, bool]:
    """Returns the shape, and True if the decoder is a mixture. Raises UserError unless it is a JSON object that describes a
    network.
    """
    try:
        meta = json.loads(content)
        layers = tuple(int(size) for size in meta["encoder_layers"])
        shape = Shape(
            int(meta["feature_dim"]), int(meta["num_topics"]), layers,
            str(meta["encoder_layers_activation"]), meta["batch_norm"] is True,
        )  # fmt: skip
        mixing = meta.get("decoder") == MIXTURE
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise UserError(f"meta.json does not describe a network: {error!r}") from error
    if shape.activation not in ACTIVATIONS or min(shape.words, shape.topics, *layers, 1) < 1:
        raise UserError("meta.json does not describe a network: an activation or a width is none")
    return shape, mixing


def _symbol(named: dict[str, np.ndarray]) -> bytes:
    """Returns the network's names and operators as MXNet writes a graph; nothing here reads it."""
    names = ["data", *(name.partition(":")[2] for name in named)]
    nodes: list[dict[str, Any]] = [{"op": "null", "name": name, "inputs": []} for name in names]
    return _text({"nodes": [*nodes, {"op": "softmax", "name": "topic_weights", "inputs": []}], "attrs": {}})


def _text(document: Any) -> bytes:
    return json.dumps(document).encode()


def serve(model_directory: Path) -> Answering:
    return Service(TopicModel.decode(artefact.read(model_directory)), Answers())
