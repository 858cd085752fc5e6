"""Tokens of Sage-LM beside those of transformers' `generate`, for a small model with random weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

pytest.importorskip("transformers")

from sagewright_jumpstart.generation import tokens as tokens_module
from sagewright_jumpstart.generation.payloads import read_request
from sagewright_jumpstart.generation.small import make_model, make_tokenizer
from sagewright_jumpstart.generation.steps import can_step, steps
from sagewright_jumpstart.generation.tokens import TextGenerator

SHAPE = {"hidden_size": 32, "intermediate_size": 64, "layers": 2, "heads": 4, "key_value_heads": 2, "context": 128}
PROMPT = "the dog runs and"


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> TextGenerator:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("model")
    tokenizer = make_tokenizer([PROMPT, "a cat sleeps, the sun shines"], 300)
    model = make_model(SHAPE, tokenizer)
    with torch.no_grad():
        for each in model.parameters():
            each.mul_(8)  # so that the likeliest token changes from step to step
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return TextGenerator.load(str(folder))


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"repetition_penalty": 1.3},
        {"temperature": 0.7, "seed": 3},
        {"temperature": 1.0, "do_sample": True, "top_k": 5, "top_p": 0.8, "seed": 4, "repetition_penalty": 1.2},
    ],
    ids=["likeliest", "penalty", "temperature", "everything"],
)
@pytest.mark.parametrize("stop", [[], ["e"]], ids=["", "stop"])
def test_the_tokens_are_those_of_generate(
    generator: TextGenerator, parameters: dict[str, Any], stop: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    request = read_request({"inputs": PROMPT, "parameters": {"max_new_tokens": 40, "stop": stop, **parameters}})
    ids = generator.prompt(request)
    assert can_step(generator.model)
    ours = list(generator.pieces(request, ids))
    monkeypatch.setattr(tokens_module, "can_step", lambda _model: False)
    assert ours == list(generator.pieces(request, ids))
    assert len({piece.token for piece in ours}) > 2 or stop


def test_further_settings_are_left_to_generate(generator: TextGenerator, monkeypatch: pytest.MonkeyPatch) -> None:
    assert can_step(generator.model)
    monkeypatch.setattr(generator.model.generation_config, "no_repeat_ngram_size", 2)
    assert not can_step(generator.model)


def test_other_kinds_are_left_to_generate(generator: TextGenerator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generator.model.config, "model_type", "mamba", raising=False)
    assert not can_step(generator.model)


def test_an_answer_ends_when_its_time_is_over(generator: TextGenerator) -> None:
    request = read_request({"inputs": PROMPT, "parameters": {"max_new_tokens": 40}})
    found: Iterator[int] = steps(generator.model, request, generator.prompt(request), 0)
    assert len(list(found)) == 1


def test_an_answer_that_is_not_read_on_frees_the_model(generator: TextGenerator) -> None:
    request = read_request({"inputs": PROMPT, "parameters": {"max_new_tokens": 40}})
    begun = generator.pieces(request, generator.prompt(request))
    next(begun)
    begun.close()
    assert len(list(generator.pieces(request, generator.prompt(request)))) == 40
