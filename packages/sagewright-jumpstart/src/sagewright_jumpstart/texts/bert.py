"""BERT's encoder in torch, with the weights' names of Hugging Face's files. Source: Devlin et al. 2018, arXiv:1810.04805."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from sagewright_jumpstart.errors import InputError

WEIGHTS, CONFIG = "model.safetensors", "config.json"
_POOLED, _FIRST = "sagewright_pooling", "first"
"""Member of config.json, which keeps the pooling of a fine-tuned encoder."""
_ACTIVATIONS = {"gelu": "none", "gelu_new": "tanh", "gelu_pytorch_tanh": "tanh"}
_NAMES = {
    "words": "embeddings.word_embeddings",
    "places": "embeddings.position_embeddings",
    "kinds": "embeddings.token_type_embeddings",
    "norm": "embeddings.LayerNorm",
}
_NAMES_OF_LAYER = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attended": "attention.output.dense",
    "first_norm": "attention.output.LayerNorm",
    "inner": "intermediate.dense",
    "outer": "output.dense",
    "second_norm": "output.LayerNorm",
}


class BertLayer(nn.Module):
    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        width, inner = config["hidden_size"], config["intermediate_size"]
        self.heads = config["num_attention_heads"]
        self.approximation = _ACTIVATIONS[config["hidden_act"]]
        self.dropped = float(config.get("hidden_dropout_prob", 0.1))
        self.query, self.key, self.value = nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, width)
        self.attended = nn.Linear(width, width)
        self.first_norm = nn.LayerNorm(width, config["layer_norm_eps"])
        self.inner, self.outer = nn.Linear(width, inner), nn.Linear(inner, width)
        self.second_norm = nn.LayerNorm(width, config["layer_norm_eps"])

    def forward(self, states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        batch, length, width = states.shape
        dropped = self.dropped if self.training else 0.0
        parts = (
            each(states).view(batch, length, self.heads, -1).transpose(1, 2)
            for each in (self.query, self.key, self.value)
        )
        mixed = functional.scaled_dot_product_attention(*parts, attn_mask=mask, dropout_p=dropped)
        mixed = self.attended(mixed.transpose(1, 2).reshape(batch, length, width))
        states = self.first_norm(states + functional.dropout(mixed, dropped, self.training))
        made = self.outer(functional.gelu(self.inner(states), approximate=self.approximation))
        return self.second_norm(states + functional.dropout(made, dropped, self.training))


class Bert(nn.Module):
    """`config`: the members of the model's config.json."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.config = dict(config)
        width = config["hidden_size"]
        self.words = nn.Embedding(config["vocab_size"], width)
        self.places = nn.Embedding(config["max_position_embeddings"], width)
        self.kinds = nn.Embedding(config["type_vocab_size"], width)
        self.norm = nn.LayerNorm(width, config["layer_norm_eps"])
        self.layers = nn.ModuleList(BertLayer(config) for _ in range(config["num_hidden_layers"]))

    def forward(self, tokens: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Returns the mean over each text's tokens, or the first token's state. `tokens`: ids, padded to the right; `lengths`: of
        each text."""
        count = tokens.shape[1]
        places = torch.arange(count, device=tokens.device)
        real = places[None, :] < lengths[:, None]
        states = self.norm(self.words(tokens) + self.places.weight[:count] + self.kinds.weight[0])
        mask = None if int(lengths.min()) == count else real[:, None, None, :]
        for layer in self.layers:
            states = layer(states, mask)
        if self.config.get(_POOLED) == _FIRST:
            return states[:, 0]
        return (states * real[:, :, None]).sum(1) / lengths[:, None]

    def save(self, folder: Path) -> None:
        """Writes config.json and the weights under Hugging Face's names."""
        theirs = _names(len(self.layers))
        weights = {
            _renamed(name, theirs): value.detach().cpu().contiguous() for name, value in self.state_dict().items()
        }
        save_file(weights, folder / WEIGHTS, {"format": "pt"})
        (folder / CONFIG).write_text(json.dumps(self.config, indent=2))


def load_bert(folder: Path) -> Bert:
    """Reads a model in Hugging Face's layout. Raises InputError if it is not a BERT encoder."""
    config = json.loads((folder / CONFIG).read_bytes())
    kind, position = config.get("model_type"), config.get("position_embedding_type", "absolute")
    if kind != "bert" or position != "absolute" or config.get("hidden_act") not in _ACTIVATIONS:
        raise InputError(
            f"{CONFIG}: a BERT encoder with absolute positions is supported, not {kind} with {position} ones"
        )
    model = Bert(config | _pooling(folder))
    given = {name.removeprefix("bert."): value for name, value in load_file(folder / WEIGHTS).items()}
    theirs = _names(config["num_hidden_layers"])
    try:
        weights = {name: given[_renamed(name, theirs)].float() for name in model.state_dict()}
        model.load_state_dict(weights)
    except (KeyError, RuntimeError) as error:
        raise InputError(f"{WEIGHTS} does not fit {CONFIG}: {error}") from error
    return model.eval()


def _pooling(folder: Path) -> dict[str, str]:
    """Returns how a sentence encoder's vector is made, as Sentence Transformers' settings say. Raises InputError for other ways."""
    file = folder / "1_Pooling" / "config.json"
    if not file.is_file():
        return {}
    chosen = {
        name for name, value in json.loads(file.read_bytes()).items() if name.startswith("pooling_mode_") and value
    }
    if chosen == {"pooling_mode_cls_token"}:
        return {_POOLED: _FIRST}
    if chosen == {"pooling_mode_mean_tokens"}:
        return {}
    raise InputError(
        f"{file.name} of 1_Pooling: the mean of tokens or the first one is supported, not {', '.join(sorted(chosen))}"
    )


def _names(layers: int) -> dict[str, str]:
    """Returns Hugging Face's module names by ours."""
    inside = {
        f"layers.{index}.{ours}": f"encoder.layer.{index}.{theirs}"
        for index in range(layers)
        for ours, theirs in _NAMES_OF_LAYER.items()
    }
    return _NAMES | inside


def _renamed(name: str, names: Mapping[str, str]) -> str:
    module, _, parameter = name.rpartition(".")
    return f"{names[module]}.{parameter}"
