"""The network's settings from the hyperparameters, under the same names for both sides. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.object2vec.rules import SIDES, has_own_encoder

LAYERS = {"hcnn": 4, "bilstm": 1, "pooled_embedding": 0}
"""Layers under `auto`."""
Output = Literal["softmax", "mean_squared_error"]


@dataclass(frozen=True)
class EncoderSettings:
    """Settings of one side. `longest` is the number of tokens that are read of a sequence; `filter_width` is 0 without
    convolutions.
    """

    network: str
    vocabulary: int
    longest: int
    token_dim: int
    layers: int
    filter_width: int
    frozen: bool


@dataclass(frozen=True)
class Object2VecSettings:
    """`outputs`: numbers that the network returns, one for each class, or one."""

    sides: tuple[EncoderSettings, EncoderSettings]
    encoding: int
    comparators: tuple[str, ...]
    mlp_layers: int
    mlp_dim: int
    activation: str
    dropout: float
    output: Output
    outputs: int
    tied: bool

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Object2VecSettings:
        """Returns the settings from validated hyperparameters."""
        output = values["output_layer"]
        tied = values["tied_token_embedding_weight"]
        first = _encoder(values, "enc0")
        second = _encoder(values, "enc1", frozen=first.frozen if tied else None) if has_own_encoder(values) else first
        return cls(
            sides=(first, second),
            encoding=values["enc_dim"],
            comparators=tuple(values["comparator_list"]),
            mlp_layers=values["mlp_layers"],
            mlp_dim=values["mlp_dim"],
            activation=values["mlp_activation"],
            dropout=values["dropout"],
            output=output,
            outputs=values["num_classes"] if output == "softmax" else 1,
            tied=tied,
        )

    @property
    def numbers(self) -> int:
        """Estimates how many numbers the network learns."""
        tables = self.sides[:1] if self.tied else self.sides
        compared = self.encoding * sum(2 if name == "concat" else 1 for name in self.comparators)
        perceptron = self.mlp_dim * (compared + self.mlp_dim * max(0, self.mlp_layers - 1)) if self.mlp_layers else 0
        return sum(each.vocabulary * each.token_dim for each in tables) + perceptron + sum(map(self._inner, self.sides))

    def _inner(self, side: EncoderSettings) -> int:
        """Returns the number of weights of a side's encoder without its table."""
        if side.network == "hcnn":
            channels = self.encoding // side.layers
            return side.filter_width * channels * (side.token_dim + channels * (side.layers - 1))
        if side.network == "bilstm":
            hidden = (self.encoding + 1) // 2
            return 8 * hidden * (side.token_dim + hidden + (side.layers - 1) * 3 * hidden)
        return side.token_dim * self.encoding

    def document(self) -> dict[str, Any]:
        """Returns the settings as JSON."""
        return asdict(self)

    @classmethod
    def read(cls, document: Any) -> Object2VecSettings:
        """Reads the output of `document`. Raises UserError for anything else."""
        try:
            first, second = (EncoderSettings(**side) for side in document["sides"])
            found = cls(**{
                **document, "sides": (first, second), "comparators": tuple(document["comparators"])
            })  # fmt: skip
            found.check()
        except (TypeError, LookupError, ValueError) as error:
            raise UserError(f"the model's description is none of Object2Vec's: {error}") from error
        return found

    def check(self) -> None:
        """Raises ValueError for settings that no network can have."""
        numbers = [self.encoding, self.mlp_layers, self.mlp_dim, self.outputs]
        for side in self.sides:
            numbers += [side.vocabulary, side.longest, side.token_dim, side.layers, side.filter_width]
        if not all(type(number) is int and 0 <= number <= 3_000_000 for number in numbers):
            raise ValueError(f"sizes {numbers}")
        if self.mlp_layers > 10 or max(self.encoding, self.mlp_dim) > 10_000:
            raise ValueError(f"sizes {numbers}")
        if not all(side.network in LAYERS and side.layers <= 4 for side in self.sides):
            raise ValueError("its encoders")
        words = {self.output: ("softmax", "mean_squared_error"), self.activation: ("linear", "relu", "tanh")}
        if not all(word in known for word, known in words.items()):
            raise ValueError(f"{', '.join(map(str, words))}")
        if not self.comparators or not set(self.comparators) <= {"hadamard", "concat", "abs_diff"}:
            raise ValueError(f"comparators {self.comparators}")
        if not (type(self.dropout) is float and 0 <= self.dropout <= 1):
            raise ValueError(f"dropout {self.dropout}")


def _encoder(values: Mapping[str, Any], side: str, frozen: bool | None = None) -> EncoderSettings:
    """`frozen`: set if it is the other side's table."""
    assert side in SIDES
    network, layers = values[f"{side}_network"], values[f"{side}_layers"]
    if frozen is None:
        frozen = bool(values[f"{side}_pretrained_embedding_file"]) and values[f"{side}_freeze_pretrained_embedding"]
    return EncoderSettings(
        network=network,
        vocabulary=values[f"{side}_vocab_size"],
        longest=values[f"{side}_max_seq_len"],
        token_dim=values[f"{side}_token_embedding_dim"],
        layers=LAYERS[network] if layers == "auto" or network == "pooled_embedding" else layers,
        filter_width=values[f"{side}_cnn_filter_width"] if network == "hcnn" else 0,
        frozen=frozen,
    )
