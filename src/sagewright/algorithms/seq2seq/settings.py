"""The network's settings from the hyperparameters. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from sagewright.algorithms.errors import UserError

LARGEST = 10_000_000
WORDS = {
    "encoder_type": ("rnn", "cnn", "transformer"), "decoder_type": ("rnn", "cnn", "transformer"), "rnn_cell_type": ("lstm", "gru"),
    "rnn_attention_type": ("dot", "fixed", "mlp", "bilinear"), "rnn_decoder_state_init": ("last", "avg", "zero"),
    "cnn_activation_type": ("glu", "relu", "softrelu", "sigmoid", "tanh"),
}  # fmt: skip
"""Allowed values of the settings that are words."""
_TRANSFORMER: dict[str, Any] = {
    "encoder_type": "transformer", "decoder_type": "transformer", "rnn_cell_type": "lstm", "rnn_residual_connections": False,
    "rnn_first_residual_layer": 0, "rnn_decoder_state_init": "zero", "rnn_attention_type": "dot", "rnn_attention_num_hidden": 0,
    "rnn_attention_in_upper_layers": False, "cnn_num_hidden": 0, "cnn_kernel_width_encoder": 0, "cnn_kernel_width_decoder": 0,
    "cnn_activation_type": "glu", "cnn_hidden_dropout": 0.0,
}  # fmt: skip
"""A transformer's settings, besides its sizes, dropout and words."""


@dataclass(frozen=True)
class Seq2SeqSettings:
    """Named as the hyperparameters are; `source_words` and `target_words` are the sizes of the vocabularies."""

    source_words: int
    target_words: int
    encoder_type: str
    decoder_type: str
    num_embed_source: int
    num_embed_target: int
    num_layers_encoder: int
    num_layers_decoder: int
    embed_dropout_source: float
    embed_dropout_target: float
    rnn_cell_type: str
    rnn_num_hidden: int
    rnn_residual_connections: bool
    rnn_first_residual_layer: int
    rnn_decoder_hidden_dropout: float
    rnn_decoder_state_init: str
    rnn_attention_type: str
    rnn_attention_num_hidden: int
    rnn_attention_in_upper_layers: bool
    cnn_num_hidden: int
    cnn_kernel_width_encoder: int
    cnn_kernel_width_decoder: int
    cnn_activation_type: str
    cnn_hidden_dropout: float
    max_seq_len_source: int
    max_seq_len_target: int
    beam_size: int

    @classmethod
    def of(cls, values: Mapping[str, Any], source_words: int, target_words: int) -> Seq2SeqSettings:
        """Returns the settings from validated hyperparameters. Those that the network does not use get neutral values."""
        known = {
            "source_words": source_words,
            "target_words": target_words,
            "rnn_attention_num_hidden": values["rnn_num_hidden"],
            **{each.name: values[each.name] for each in fields(cls) if each.name in values},
        }
        if values["_architecture"] == "transformer":
            return cls(**{**known, **_TRANSFORMER})
        if not known["rnn_residual_connections"]:
            known["rnn_first_residual_layer"] = 0
        if known["decoder_type"] != "rnn" or known["rnn_attention_type"] != "mlp":
            known["rnn_attention_num_hidden"] = 0
        if known["decoder_type"] != "rnn":
            known |= {"rnn_attention_type": "dot", "rnn_decoder_state_init": "zero", "rnn_decoder_hidden_dropout": 0.0}
            known["rnn_attention_in_upper_layers"] = False
        for part, kernel in (
            ("encoder_type", "cnn_kernel_width_encoder"),
            ("decoder_type", "cnn_kernel_width_decoder"),
        ):
            if known[part] != "cnn":
                known[kernel] = 0
        return cls(**known)

    def size(self, part: str) -> int:
        """Returns the size of the vectors of the `encoder_type` or `decoder_type`."""
        return self.cnn_num_hidden if getattr(self, part) == "cnn" else self.rnn_num_hidden

    @property
    def numbers(self) -> int:
        """Estimates how many numbers the network learns."""
        words = self.source_words * self.num_embed_source + self.target_words * self.num_embed_target
        inner = sum(
            layers * {"rnn": 8, "cnn": 2 * kernel, "transformer": 16}[kind] * size * size + 4 * size * embedding
            for layers, kind, kernel, size, embedding in (
                (self.num_layers_encoder, self.encoder_type, self.cnn_kernel_width_encoder, self.size("encoder_type"),
                 self.num_embed_source),
                (self.num_layers_decoder, self.decoder_type, self.cnn_kernel_width_decoder, self.size("decoder_type"),
                 self.num_embed_target),
            )
        )  # fmt: skip
        return words + self.target_words * self.size("decoder_type") + inner

    def document(self) -> dict[str, Any]:
        """Returns the settings as JSON."""
        return asdict(self)

    @classmethod
    def read(cls, document: Any) -> Seq2SeqSettings:
        """Reads the output of `document`. Raises UserError for anything else."""
        try:
            found = cls(**document)
            found.check()
        except (TypeError, ValueError) as error:
            raise UserError(f"the model's description is none of Seq2Seq's: {error}") from error
        return found

    def check(self) -> None:
        """Raises ValueError for settings that no network can have."""
        for name, value in asdict(self).items():
            kind = Seq2SeqSettings.__annotations__[name]
            good = {
                "int": type(value) is int and 0 <= value <= LARGEST,
                "float": type(value) in (int, float) and 0 <= value <= 1,
                "bool": type(value) is bool,
                "str": isinstance(value, str) and value in WORDS.get(name, ()),
            }[kind]
            if not good:
                raise ValueError(f"{name} {str(value)[:40]!r}")
        if self.num_layers_encoder > 1000 or self.num_layers_decoder > 1000:
            raise ValueError("its layers")
        least = (self.num_embed_source, self.num_embed_target, self.num_layers_encoder, self.num_layers_decoder)
        if min(*least, self.size("encoder_type"), self.size("decoder_type"), self.beam_size, self.source_words) < 1:
            raise ValueError("its sizes")
