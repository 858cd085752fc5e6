"""The decoder's attention: weights over the encoder's vectors, and their weighted sum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

AT_ONCE = 1 << 24
"""Numbers of mlp attention that are kept for the backward pass; beyond it they are recomputed, part by part."""


@dataclass(frozen=True)
class Memory:
    """The encoder's output for sentences: `values` (n, longest, size); `there` (n, longest) bool, the mask of tokens; `last` (n,
    size), its final vector; `keys`, (n, longest, k), which queries are compared with.
    """

    values: Tensor
    there: Tensor
    last: Tensor
    keys: Tensor | None = None

    def take(self, rows: Tensor) -> Memory:
        """Returns the memory of some sentences."""
        keys = None if self.keys is None else self.keys[rows]
        return Memory(self.values[rows], self.there[rows], self.last[rows], keys)


class Attention(nn.Module):
    """Maps `queries` (n, t, size) to attended vectors (n, t, size), and weights (n, t, longest)."""

    def __init__(self, size: int, queries: int) -> None:
        super().__init__()
        self.key: nn.Module = nn.Identity() if size == queries else nn.Linear(size, queries, bias=False)

    def prepare(self, memory: Memory) -> Memory:
        """Returns the memory with its keys, which are the same for all queries."""
        return replace(memory, keys=self.key(memory.values))

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        return queries @ keys.transpose(1, 2)

    def forward(self, queries: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        assert memory.keys is not None
        scores = self.scores(queries, memory.keys)
        weights = functional.softmax(scores.masked_fill(~memory.there[:, None, :], -torch.inf), dim=2)
        return weights @ memory.values, weights


class Bilinear(Attention):
    """A matrix between query and key."""

    def __init__(self, size: int, queries: int) -> None:
        super().__init__(size, queries)
        self.key = nn.Linear(size, queries, bias=False)


class Perceptron(Attention):
    """A layer of `hidden` numbers on query and key."""

    def __init__(self, size: int, queries: int, hidden: int) -> None:
        super().__init__(size, queries)
        self.key = nn.Linear(size, hidden, bias=False)
        self.query = nn.Linear(queries, hidden)
        self.score = nn.Linear(hidden, 1, bias=False)

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        projected = self.query(queries)
        step = max(1, AT_ONCE // max(1, keys.numel()))
        if step >= projected.shape[1] or not torch.is_grad_enabled():
            parts = [self._scores(part, keys) for part in projected.split(step, dim=1)]
        else:
            parts = [checkpoint(self._scores, part, keys, use_reentrant=False) for part in projected.split(step, dim=1)]
        return torch.cat(parts, dim=1)

    def _scores(self, projected: Tensor, keys: Tensor) -> Tensor:
        found: Tensor = self.score(torch.tanh(projected[:, :, None] + keys[:, None]))[..., 0]
        return found


class Fixed(Attention):
    """Always returns the encoder's final vector; the weights are on the last token."""

    def prepare(self, memory: Memory) -> Memory:
        return replace(memory, keys=memory.values)

    def forward(self, queries: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        count, steps = queries.shape[:2]
        places = memory.there.sum(dim=1) - 1
        weights = functional.one_hot(places, memory.there.shape[1]).to(queries.dtype)
        return memory.last[:, None].expand(count, steps, -1), weights[:, None].expand(count, steps, -1)


ATTENTIONS: dict[str, Callable[[int, int, int], Attention]] = {
    "dot": lambda size, queries, _hidden: Attention(size, queries),
    "bilinear": lambda size, queries, _hidden: Bilinear(size, queries),
    "mlp": Perceptron,
    "fixed": lambda size, _queries, _hidden: Fixed(size, size),
}
