"""Dependencies between Object2Vec's hyperparameters. Standard library only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sagewright.algorithms.errors import UserError

FILE_NAME = re.compile(r"[A-Za-z0-9._]*")
SIDES = ("enc0", "enc1")
TOKEN_DIM = 300
"""The default of a side's token_embedding_dim."""


def has_own_encoder(values: Mapping[str, Any]) -> bool:
    """True if enc1 is declared separately, not as a copy of enc0."""
    return bool(values.get("enc1_network", "enc0") != "enc0")


def own_encoder_is_complete(values: Mapping[str, Any]) -> None:
    """`enc1_max_seq_len` and `enc1_vocab_size` are required unless `enc1_network` is enc0."""
    for name in ("enc1_max_seq_len", "enc1_vocab_size"):
        if has_own_encoder(values) and name not in values:
            raise UserError(f"{name} is required where enc1_network is {values['enc1_network']}")


def tied_sides_are_alike(values: Mapping[str, Any]) -> None:
    """With `tied_token_embedding_weight` both sides have one vocabulary and one dimension of token embeddings."""
    if not values.get("tied_token_embedding_weight") or not has_own_encoder(values):
        return
    for name, default in (("vocab_size", None), ("token_embedding_dim", TOKEN_DIM)):
        first, second = (values.get(f"{side}_{name}", default) for side in SIDES)
        if first != second:
            raise UserError(
                f"tied_token_embedding_weight: enc0_{name} is {first} and enc1_{name} is {second}; they must be equal"
            )
    names = [values.get(f"{side}_pretrained_embedding_file", "") for side in SIDES]
    if names[1] not in ("", names[0]):
        raise UserError(
            "tied_token_embedding_weight: enc1_pretrained_embedding_file must be empty or that of enc0, "
            f"{names[0]!r}, not {names[1]!r}"
        )


def files_are_named(values: Mapping[str, Any]) -> None:
    """Files of channel auxiliary have names of letters, digits, `_` and `.`; an embedding file comes with a vocabulary file."""
    for side in SIDES:
        for kind in ("pretrained_embedding_file", "vocab_file"):
            name = values.get(f"{side}_{kind}", "")
            if not FILE_NAME.fullmatch(name) or name in (".", ".."):
                raise UserError(f"{side}_{kind}: {name!r} is not a name of letters, digits, underscores and periods")
        if side == "enc1" and not has_own_encoder(values):
            return
        if values.get(f"{side}_pretrained_embedding_file") and not values.get(f"{side}_vocab_file"):
            raise UserError(f"{side}_vocab_file is required with {side}_pretrained_embedding_file")
