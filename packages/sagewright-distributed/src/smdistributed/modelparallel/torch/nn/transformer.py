"""Transformers whose attention heads and intermediate features are divided (Shoeybi et al. 2019, Megatron-LM).

Arguments, inputs and outputs are those of AWS's library, version 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from smdistributed.modelparallel.torch import exchange, ranks
from smdistributed.modelparallel.torch.nn.basic import Column, DistributedEmbedding, DistributedModule, Row

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"gelu": functional.gelu, "relu": functional.relu}


@dataclass(frozen=True)
class Shape:
    """A transformer layer's arguments, with AWS's defaults. Raises ValueError."""

    num_attention_heads: int = 32
    attention_head_size: int = 32
    hidden_size: int = 1024
    intermediate_size: int = 4096
    attention_dropout_prob: float = 0.1
    hidden_dropout_prob: float = 0.1
    activation: str = "gelu"
    layernorm_epsilon: float = 1e-5
    initializer_range: float = 0.02
    use_normal_initialization: bool = False
    causal_mask_size: int | None = None
    add_cross_attention: bool = False
    pre_layernorm: bool = False
    post_layernorm: bool = True

    def __post_init__(self) -> None:
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation={self.activation!r}: not gelu or relu.")
        if not (self.pre_layernorm or self.post_layernorm):
            raise ValueError("At least one of pre_layernorm and post_layernorm must be True.")

    @classmethod
    def of(cls, given: dict[str, Any]) -> Shape:
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(given) - known)
        if unknown:
            raise TypeError(f"unexpected arguments: {', '.join(unknown)}")
        return cls(**given)

    def linear(self, inputs: int, outputs: int) -> torch.nn.Linear:
        made = torch.nn.Linear(inputs, outputs)
        if self.use_normal_initialization:
            torch.nn.init.normal_(made.weight, std=self.initializer_range)
            torch.nn.init.zeros_(made.bias)
        return made


class _Block(DistributedModule):
    """A residual block: inputs enter through divided maps and leave as a sum over the processes."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.norm_before = (
            torch.nn.LayerNorm(shape.hidden_size, shape.layernorm_epsilon) if shape.pre_layernorm else None
        )
        self.norm_after = (
            torch.nn.LayerNorm(shape.hidden_size, shape.layernorm_epsilon) if shape.post_layernorm else None
        )

    def _leaving(self, whole: torch.nn.Linear) -> None:
        self.out = Row(whole)
        self.out_bias = torch.nn.Parameter(whole.bias.detach())

    def _before(self, x: Tensor) -> Tensor:
        return x if self.norm_before is None else self.norm_before(x)

    def _after(self, summand: Tensor, residual: Tensor) -> Tensor:
        y = exchange.leave_sum(self.out(summand)) + self.out_bias
        y = functional.dropout(y, self.shape.hidden_dropout_prob, self.training) + residual
        return y if self.norm_after is None else self.norm_after(y)


class DistributedAttentionLayer(_Block):
    """Self- or cross-attention; each process has some of the heads."""

    def __init__(self, cross_attention: bool = False, **options: Any) -> None:
        shape = Shape.of(options)
        super().__init__(shape)
        self.cross_attention = cross_attention
        width = shape.num_attention_heads * shape.attention_head_size
        if shape.num_attention_heads % ranks.tp_size():
            raise ValueError(
                f"num_attention_heads={shape.num_attention_heads} cannot be divided by "
                f"tensor_parallel_degree={ranks.tp_size()}."
            )
        self.query, self.key, self.value = (Column(shape.linear(shape.hidden_size, width)) for _ in range(3))
        self._leaving(shape.linear(width, shape.hidden_size))

    def forward(self, inputs: tuple[Tensor, ...]) -> Tensor:
        """`inputs` is `(hidden_states, attention_mask)`, with cross-attention `(hidden_states, cross_states, attention_mask)`.

        States are [N, S, H]; the mask is added to the scores, [N, 1, 1, S], and can be None.
        """
        states, *others = inputs
        mask = others[-1] if others else None
        own = exchange.enter(self._before(states))
        seen = exchange.enter(others[0]) if self.cross_attention else own
        query = self._heads(self.query(own))
        key, value = self._heads(self.key(seen)), self._heads(self.value(seen))
        scores = query @ key.transpose(-1, -2) / math.sqrt(self.shape.attention_head_size)
        if self.shape.causal_mask_size is not None:
            rows, columns = scores.shape[-2:]
            later = torch.ones(rows, columns, dtype=torch.bool, device=scores.device).triu(columns - rows + 1)
            scores = scores.masked_fill(later, torch.finfo(scores.dtype).min)
        if mask is not None:
            scores = scores + exchange.enter(mask.to(scores.dtype))
        weights = functional.dropout(scores.softmax(-1), self.shape.attention_dropout_prob, self.training)
        return self._after((weights @ value).transpose(1, 2).flatten(2), states)

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (-1, self.shape.attention_head_size)).transpose(1, 2)


class DistributedTransformerOutputLayer(_Block):
    """Two linear maps with an activation between them; each process has some of the intermediate features."""

    def __init__(self, fp32_residual_addition: bool = False, **options: Any) -> None:
        shape = Shape.of(options)
        super().__init__(shape)
        self.fp32_residual_addition = fp32_residual_addition
        self.inner = Column(shape.linear(shape.hidden_size, shape.intermediate_size))
        self._leaving(shape.linear(shape.intermediate_size, shape.hidden_size))

    def forward(self, states: Tensor) -> Tensor:
        inner = ACTIVATIONS[self.shape.activation](self.inner(exchange.enter(self._before(states))))
        residual = states.float() if self.fp32_residual_addition else states
        return self._after(inner, residual)


class DistributedTransformerLayer(DistributedModule):
    """Attention, optional cross-attention, and the output layer."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        shape = Shape.of(options)
        self.attention = DistributedAttentionLayer(**options)
        if shape.add_cross_attention:
            self.cross_attention = DistributedAttentionLayer(
                cross_attention=True, **{**options, "causal_mask_size": None}
            )
        self.output = DistributedTransformerOutputLayer(**options)
        self.shape = shape

    def forward(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Maps `(hidden_states, attention_mask)` or `(hidden_states, cross_states, attention_mask, cross_mask)` to a tuple of the
        same form.
        """
        if not self.shape.add_cross_attention:
            states, mask = inputs
            return self.output(self.attention((states, mask))), mask
        states, cross, mask, cross_mask = inputs
        states = self.cross_attention((self.attention((states, mask)), cross, cross_mask))
        return self.output(states), cross, mask, cross_mask


class DistributedTransformer(DistributedModule):
    """A sequence of layers."""

    def __init__(self, num_layers: int = 12, **options: Any) -> None:
        super().__init__()
        self.seq_layers = torch.nn.ModuleList(DistributedTransformerLayer(**options) for _ in range(num_layers))

    def forward(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        for layer in self.seq_layers:
            inputs = layer(inputs)
        return inputs


class DistributedTransformerLMHead(DistributedModule):
    """Embeddings, a transformer, and a head tied to the word embedding."""

    def __init__(
        self,
        num_layers: int = 12,
        vocab_size: int = 30522,
        num_positions: int = 1024,
        num_token_types: int = 0,
        add_lm_head: bool = True,
        **options: Any,
    ) -> None:
        super().__init__()
        self.shape = Shape.of(options)
        width = self.shape.hidden_size
        self.word_embedding = DistributedEmbedding(vocab_size, width)
        self.position_embedding = DistributedEmbedding(num_positions, width)
        self.token_type_embedding = DistributedEmbedding(num_token_types, width) if num_token_types else None
        self.transformer = DistributedTransformer(num_layers, **options)
        self.add_lm_head = add_lm_head

    def forward(self, inputs: tuple[Any, ...]) -> Any:
        """`inputs` is `(input_ids, attention_mask, token_type_ids, position_ids, labels)`; with cross-attention, its states and
        mask come before the labels.

        In `attention_mask` 1 is a masked position, [N, S]. With labels the loss comes first.
        """
        ids, mask, types, positions, *cross, labels = inputs
        if positions is None:
            positions = torch.arange(ids.shape[-1], device=ids.device).expand_as(ids)
        states = self.word_embedding(ids) + self.position_embedding(positions)
        if self.token_type_embedding is not None and types is not None:
            states = states + self.token_type_embedding(types)
        states = functional.dropout(states, self.shape.hidden_dropout_prob, self.training)
        added = None if mask is None else _added(mask, states.dtype)
        if self.shape.add_cross_attention:
            seen, seen_mask = cross
            states = self.transformer(
                (states, seen, added, None if seen_mask is None else _added(seen_mask, states.dtype))
            )[0]
        else:
            states = self.transformer((states, added))[0]
        if not self.add_lm_head:
            return states
        logits = self.word_embedding(states, as_head=True)
        if labels is None:
            return logits
        return functional.cross_entropy(logits.flatten(0, -2), labels.flatten()), logits


def _added(mask: Tensor, dtype: torch.dtype) -> Tensor:
    return mask[:, None, None, :].to(dtype) * torch.finfo(dtype).min
