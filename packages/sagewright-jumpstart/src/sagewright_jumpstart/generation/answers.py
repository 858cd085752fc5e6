"""Answers in each client's form, whole or as server-sent events."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from sagewright_jumpstart.generation.payloads import AnswerForm, TextRequest
from sagewright_jumpstart.generation.pieces import TextPiece

_FINISH = {"length": "length", "eos_token": "stop", "stop_sequence": "stop"}


def whole(request: TextRequest, prompt_tokens: int, pieces: Iterable[TextPiece]) -> Any:
    """Returns the JSON document of an answer."""
    made = list(pieces)
    text, end = "".join(each.text for each in made), made[-1].end if made else "length"
    prompt = request.prompt if isinstance(request.prompt, str) else ""
    shown = prompt + text if request.full_text else text
    if request.form is AnswerForm.TGI:
        found: dict[str, Any] = {"generated_text": shown}
        if request.details:
            found["details"] = _details(request, end, len(made)) | {
                "tokens": [_token(each) for each in made],
                "prefill": [],
            }
        return [found]
    if request.form is AnswerForm.CHAT:
        message = {"role": "assistant", "content": text}
        return _openai(request, {"message": message, "finish_reason": _FINISH[end]}, prompt_tokens, len(made))
    if request.form is AnswerForm.COMPLETION:
        return _openai(request, {"text": text, "finish_reason": _FINISH[end]}, prompt_tokens, len(made))
    return {"generated_text": shown}


def events(request: TextRequest, pieces: Iterable[TextPiece]) -> Iterator[str]:
    """Yields server-sent events."""
    if request.form is AnswerForm.TGI:
        return _tgi_events(request, pieces)
    return _openai_events(request, pieces)


def _tgi_events(request: TextRequest, pieces: Iterable[TextPiece]) -> Iterator[str]:
    said, count = "", 0
    for piece in pieces:
        said, count = said + piece.text, count + 1
        document: dict[str, Any] = {"index": count, "token": _token(piece), "generated_text": None, "details": None}
        if piece.end:
            document["generated_text"] = said
            document["details"] = _details(request, piece.end, count)
        yield f"data:{json.dumps(document)}\n\n"


def _openai_events(request: TextRequest, pieces: Iterable[TextPiece]) -> Iterator[str]:
    chat = request.form is AnswerForm.CHAT
    shared = _shared(request, stream=True)
    first = True
    for piece in pieces:
        delta = {"content": piece.text} | ({"role": "assistant"} if first else {})
        choice = {"delta": delta} if chat else {"text": piece.text}
        first = False
        choices = [{"index": 0, **choice, "logprobs": None, "finish_reason": _FINISH.get(piece.end)}]
        yield f"data: {json.dumps(shared | {'choices': choices})}\n\n"
    yield "data: [DONE]\n\n"


def _openai(request: TextRequest, choice: dict[str, Any], prompt_tokens: int, count: int) -> dict[str, Any]:
    usage = {"prompt_tokens": prompt_tokens, "completion_tokens": count, "total_tokens": prompt_tokens + count}
    return _shared(request, stream=False) | {"choices": [{"index": 0, "logprobs": None, **choice}], "usage": usage}


def _shared(request: TextRequest, stream: bool) -> dict[str, Any]:
    chat = request.form is AnswerForm.CHAT
    kind = ("chat.completion" if chat else "text_completion") + (".chunk" if stream and chat else "")
    name = f"{'chatcmpl' if chat else 'cmpl'}-{uuid.uuid4().hex}"
    return {"id": name, "object": kind, "created": int(time.time()), "model": "model"}


def _details(request: TextRequest, end: str, count: int) -> dict[str, Any]:
    return {"finish_reason": end, "generated_tokens": count, "seed": request.seed}


def _token(piece: TextPiece) -> dict[str, Any]:
    return {"id": piece.token, "text": piece.text, "logprob": None, "special": piece.end == "eos_token"}
