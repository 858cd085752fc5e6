"""A trained IP Insights model: its file and its responses.

`model_algo-1` is a zip archive of `params`, MXNet arrays `entity_weight` (buckets, d) and `ip_fc<n>_weight`, `ip_fc<n>_bias` of the
address's layers, `ip_block_keys` and `ip_block_weight` of its blocks, and `meta.json`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty import artefact, ndarray
from sagewright.algorithms.firstparty.requests import CSV, JSON, JSON_LINES, UnsupportedMedia, instances
from sagewright.algorithms.firstparty.responses import Fields
from sagewright.algorithms.firstparty.serving import Answers, Service
from sagewright.algorithms.formats.content_type import ContentType
from sagewright.algorithms.ipinsights import events
from sagewright.algorithms.ipinsights.network import BITS, Blocks, IPInsightsNetwork
from sagewright.serving.messages import Answering

Rows = list[list[str]]


def parse(body: bytes, content_type: str, accepted: tuple[str, ...]) -> Rows:
    """The fields of each row of a request. Raises UnsupportedMedia, and UserError for a body that can't be read."""
    media = ContentType.parse(content_type or CSV).media
    if media not in accepted:
        raise UnsupportedMedia(f"Content-type {content_type} is not supported; these are: {', '.join(accepted)}.")
    if media == CSV:
        try:
            return [row for row in csv.reader(body.decode().splitlines()) if row]
        except (UnicodeDecodeError, csv.Error) as error:
            raise UserError(f"the request is not CSV: {error}") from error
    return [_fields(number, each) for number, each in enumerate(instances(body, media))]


def _fields(number: int, instance: Any) -> list[str]:
    found = instance.get("features") if isinstance(instance, dict) else None
    if found is None and isinstance(instance, dict) and isinstance(instance.get("data"), dict):
        found = instance["data"].get("features")
    if isinstance(found, dict):
        found = found.get("values")
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise UserError(f"instance {number} has no features: a list of an entity and an address is expected")
    return found


ANSWERS = Answers(takes=(CSV, JSON, JSON_LINES), gives=(JSON, JSON_LINES), parse=parse)


@dataclass(frozen=True)
class InsightsModel:
    network: IPInsightsNetwork

    def predict(self, rows: Sequence[Sequence[str]], verbose: bool = False) -> Fields:
        """The `dot_product` of each row's vectors, and with `verbose` the vectors too."""
        if not rows:
            raise UserError("the request contains no row")
        found = events.parse(rows, len(self.network.entities), "the request")
        entity = self.network.entities[found.entity]
        address = self.network.vectors(found.address)
        product: Fields = {"dot_product": np.einsum("ij,ij->i", entity, address)}
        return {**product, "entity_embedding": entity, "ip_embedding": address} if verbose else product

    def encode(self) -> bytes:
        network = self.network
        arrays = {"arg:entity_weight": network.entities}
        for number, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
            arrays |= {f"arg:ip_fc{number}_weight": weight.T.copy(), f"arg:ip_fc{number}_bias": bias}
        arrays |= {"arg:ip_block_weight": network.blocks.vectors[:-1], "aux:ip_block_keys": network.blocks.keys}
        buckets, width = network.entities.shape
        meta = {"num_entity_vectors": buckets, "vector_dim": width, "num_ip_encoder_layers": len(network.weights) - 1}
        return artefact.zipped({"params": ndarray.encode(arrays), "meta.json": json.dumps(meta).encode()})

    @classmethod
    def decode(cls, content: bytes) -> InsightsModel:
        """Raises UserError if the content isn't such an archive."""
        params = artefact.member(artefact.unzipped(content), "params")
        (entities,) = ndarray.named(params, "entity_weight")
        arrays = ndarray.decode(params)
        layers = sum(1 for name in arrays if name.endswith("_bias"))
        blocks = _blocks(params, arrays, entities.shape[-1])
        weights, biases = [], []
        for number in range(layers):
            weight, bias = ndarray.named(params, f"ip_fc{number}_weight", f"ip_fc{number}_bias")
            weights.append(weight.T.astype(np.float32))
            biases.append(bias.astype(np.float32))
        heights = [BITS, *(weight.shape[1] for weight in weights)]
        fits = all(weight.shape[0] == height for weight, height in zip(weights, heights, strict=False))
        if not layers or not fits or entities.ndim != 2 or weights[-1].shape[1] != entities.shape[1]:
            raise UserError("the arrays of the model don't fit together")
        return cls(IPInsightsNetwork(entities.astype(np.float32), weights, biases, blocks))


def _blocks(params: bytes, arrays: Any, width: int) -> Blocks:
    """The blocks of a model that has some. Raises UserError if keys and vectors don't match."""
    if not any(name.endswith("ip_block_keys") for name in arrays):
        return Blocks.begin(np.zeros(0, np.int64), width)
    keys, vectors = ndarray.named(params, "ip_block_keys", "ip_block_weight")
    if keys.ndim != 1 or vectors.shape != (len(keys), width) or (np.diff(keys) <= 0).any():
        raise UserError("the model's blocks of addresses and their vectors don't fit together")
    return Blocks(keys.astype(np.int64), np.vstack([vectors, np.zeros((1, width))]).astype(np.float32))


def serve(model_directory: Path) -> Answering:
    return Service(InsightsModel.decode(artefact.read(model_directory)), ANSWERS)
