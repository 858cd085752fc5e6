"""Tokens of a model of Llama's kind, one forward pass each.

They are those that transformers' `generate` would choose. Its work between the passes takes a tenth of a small model's time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import torch
from transformers import LogitsProcessorList, RepetitionPenaltyLogitsProcessor
from transformers.generation.logits_process import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from sagewright_jumpstart.generation.payloads import TextRequest

_KINDS = frozenset({"llama"})
_KNOWN = frozenset(
    {"_from_model_config", "bos_token_id", "eos_token_id", "pad_token_id", "transformers_version", "do_sample", "temperature",
     "top_k", "top_p", "max_length", "max_new_tokens", "repetition_penalty"}
)  # fmt: skip
"""Settings of a generation_config.json that a request overrides, or that change no token."""


def can_step(model: Any) -> bool:
    """Returns whether `steps` chooses the tokens of this model as `generate` does: it has no further settings."""
    return model.config.model_type in _KINDS and set(model.generation_config.to_diff_dict()) <= _KNOWN


def steps(model: Any, request: TextRequest, ids: torch.Tensor, longest_s: float) -> Iterator[int]:
    """Yields up to `request.tokens` tokens; ends early only after `longest_s`. The caller stops at the end token."""
    if request.seed is not None:
        torch.manual_seed(request.seed)
    chosen, until = _processors(request), time.monotonic() + longest_s
    fresh, past = ids, None
    for _ in range(request.tokens):
        fresh, past = _step(model, request.temperature > 0, chosen, ids, fresh, past)
        ids = torch.cat([ids, fresh], dim=1)
        yield int(fresh)
        if time.monotonic() > until:
            return


@torch.inference_mode()
def _step(
    model: Any, samples: bool, chosen: LogitsProcessorList, ids: torch.Tensor, fresh: torch.Tensor, past: Any
) -> tuple[torch.Tensor, Any]:
    """Returns the next token (1, 1) and the cache. `fresh`: those of `ids` that the cache does not have."""
    made = model(input_ids=fresh, past_key_values=past, use_cache=True, logits_to_keep=1)
    scores = chosen(ids, made.logits[:, -1].float())
    if samples:
        return torch.multinomial(scores.softmax(-1), 1), made.past_key_values
    return scores.argmax(-1, keepdim=True), made.past_key_values


def _processors(request: TextRequest) -> LogitsProcessorList:
    """Returns what `generate` applies to the scores, in its order."""
    made = LogitsProcessorList()
    if request.penalty != 1:
        made.append(RepetitionPenaltyLogitsProcessor(request.penalty))
    if request.temperature > 0:
        if request.temperature != 1:
            made.append(TemperatureLogitsWarper(request.temperature))
        if request.top_k:
            made.append(TopKLogitsWarper(request.top_k))
        if request.top_p < 1:
            made.append(TopPLogitsWarper(request.top_p))
    return made
