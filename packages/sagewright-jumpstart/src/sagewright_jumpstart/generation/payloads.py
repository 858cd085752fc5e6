"""Requests for text: Text Generation Inference's, OpenAI's chat and completions, and JumpStart's own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sagewright_jumpstart.errors import InputError

_MOST_TOKENS, _MOST_STOPS, _LONGEST_STOP = 8192, 16, 256
_DEFAULT_TOKENS = 128
_TGI = frozenset({
    "max_new_tokens", "temperature", "top_k", "top_p", "repetition_penalty", "do_sample", "seed", "stop", "return_full_text",
    "details", "decoder_input_details", "truncate",
})  # fmt: skip
_OPENAI = frozenset({
    "messages", "prompt", "model", "max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k", "seed", "stop", "stream",
    "n", "stream_options", "user",
})  # fmt: skip
_OURS = frozenset({
    "text_inputs", "max_length", "max_new_tokens", "max_time", "num_return_sequences", "top_k", "top_p", "do_sample", "temperature",
    "seed", "return_full_text",
})  # fmt: skip


class AnswerForm(StrEnum):
    """How an answer looks."""

    TEXT = "text"  # {"generated_text"}, to a text
    TEXTS = "texts"  # {"generated_texts"}, to {"text_inputs"}
    TGI = "tgi"
    CHAT = "chat"
    COMPLETION = "completion"


@dataclass(frozen=True)
class TextRequest:
    """`prompt`: a text, or the messages of a chat. `temperature` 0 takes the likeliest token."""

    form: AnswerForm
    prompt: str | list[dict[str, str]]
    tokens: int = _DEFAULT_TOKENS
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    penalty: float = 1.0
    seed: int | None = None
    stops: tuple[str, ...] = ()
    stream: bool = False
    full_text: bool = False
    details: bool = False
    truncate: int = 0
    count: int = 1


def read_request(document: Any) -> TextRequest:
    """Raises InputError for a parameter that is unknown or out of its range."""
    if isinstance(document, str):
        return TextRequest(AnswerForm.TEXT, document)
    if not isinstance(document, dict):
        raise InputError("the request: an object with inputs, messages, prompt or text_inputs is expected")
    if "inputs" in document:
        return _of_tgi(document)
    if "messages" in document or "prompt" in document:
        return _of_openai(document)
    if "text_inputs" in document:
        _known(document, _OURS)
        count = _whole(document, "num_return_sequences", 1, 1, 16)
        return TextRequest(
            AnswerForm.TEXTS,
            _text(document, "text_inputs"),
            count=count,
            **_sampling(document, "max_new_tokens", "max_length"),
        )
    raise InputError("the request: an object with inputs, messages, prompt or text_inputs is expected")


def _of_tgi(document: Mapping[str, Any]) -> TextRequest:
    _known(document, frozenset({"inputs", "parameters", "stream"}))
    parameters = document.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise InputError("parameters: an object is expected")
    _known(parameters, _TGI)
    return TextRequest(
        AnswerForm.TGI,
        _text(document, "inputs"),
        stream=_flag(document, "stream"),
        details=_flag(parameters, "details") or _flag(parameters, "decoder_input_details"),
        truncate=_whole(parameters, "truncate", 0, 0, 1 << 20),
        **_sampling(parameters, "max_new_tokens"),
    )


def _of_openai(document: Mapping[str, Any]) -> TextRequest:
    _known(document, _OPENAI)
    if _whole(document, "n", 1, 1, 16) != 1:
        raise InputError(f"n: 1 is supported, not {document['n']}")
    chat = "messages" in document
    settings = _sampling({"temperature": 1.0, **document}, "max_completion_tokens", "max_tokens")
    prompt = _messages(document["messages"]) if chat else _text(document, "prompt")
    form = AnswerForm.CHAT if chat else AnswerForm.COMPLETION
    return TextRequest(form, prompt, stream=_flag(document, "stream"), **settings)


def _sampling(given: Mapping[str, Any], *lengths: str) -> dict[str, Any]:
    named = next((name for name in lengths if given.get(name) is not None), lengths[0])
    temperature = _number(given, "temperature", 1.0, 0, 100)
    samples = _flag(given, "do_sample") or given.get("temperature") is not None
    return {
        "tokens": _whole(given, named, _DEFAULT_TOKENS, 1, _MOST_TOKENS),
        "temperature": temperature if samples else 0.0,
        "top_k": _whole(given, "top_k", 0, 0, 1 << 20),
        "top_p": _number(given, "top_p", 1.0, 1e-6, 1),
        "penalty": _number(given, "repetition_penalty", 1.0, 0.01, 100),
        "seed": None if given.get("seed") is None else _whole(given, "seed", 0, 0, (1 << 63) - 1),
        "stops": _stops(given.get("stop")),
        "full_text": _flag(given, "return_full_text"),
    }


def _messages(found: Any) -> list[dict[str, str]]:
    if not isinstance(found, list) or not found:
        raise InputError("messages: a list of {role, content} is expected")
    made = []
    for each in found:
        role, content = (each.get("role"), each.get("content")) if isinstance(each, dict) else (None, None)
        if isinstance(content, list):  # parts
            parts = [
                part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None for part in content
            ]
            if not all(isinstance(part, str) for part in parts):
                raise InputError("messages: parts of the type text are supported")
            content = "".join(str(part) for part in parts)
        if role not in {"system", "user", "assistant"} or not isinstance(content, str):
            raise InputError(f"messages: roles system, user and assistant with a text each, not {str(role)[:40]!r}")
        made.append({"role": role, "content": content})
    return made


def _known(given: Mapping[str, Any], names: frozenset[str]) -> None:
    unknown = sorted(name for name in given if name not in names and given[name] is not None)
    if unknown:
        raise InputError(f"{str(unknown[0])[:60]}: it is not supported; {', '.join(sorted(names))} are")


def _text(given: Mapping[str, Any], name: str) -> str:
    found = given[name]
    if not isinstance(found, str) or not found:
        raise InputError(f"{name}: a text is expected, not empty")
    return found


def _flag(given: Mapping[str, Any], name: str) -> bool:
    found = given.get(name)
    if found is not None and not isinstance(found, bool):
        raise InputError(f"{name}: true or false, not {str(found)[:40]!r}")
    return bool(found)


def _whole(given: Mapping[str, Any], name: str, default: int, least: int, most: int) -> int:
    found = given.get(name)
    if found is None:
        return default
    if not isinstance(found, int) or isinstance(found, bool) or not least <= found <= most:
        raise InputError(f"{name}: a whole number from {least} to {most}, not {str(found)[:40]}")
    return found


def _number(given: Mapping[str, Any], name: str, default: float, least: float, most: float) -> float:
    found = given.get(name)
    if found is None:
        return default
    if (
        not isinstance(found, int | float)
        or isinstance(found, bool)
        or not math.isfinite(found)
        or not least <= found <= most
    ):
        raise InputError(f"{name}: a number from {least:g} to {most:g}, not {str(found)[:40]}")
    return float(found)


def _stops(found: Any) -> tuple[str, ...]:
    given = [found] if isinstance(found, str) else found or []
    fits = isinstance(given, list) and len(given) <= _MOST_STOPS
    if not fits or not all(isinstance(each, str) and 0 < len(each) <= _LONGEST_STOP for each in given):
        raise InputError(f"stop: at most {_MOST_STOPS} texts of 1 to {_LONGEST_STOP} characters")
    return tuple(given)
