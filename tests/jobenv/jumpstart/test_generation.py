"""Payloads and answers of text generation, without a model."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sagewright_jumpstart.errors import InputError
from sagewright_jumpstart.generation.answers import events, whole
from sagewright_jumpstart.generation.payloads import AnswerForm, read_request
from sagewright_jumpstart.generation.pieces import TextPiece, ready_length

PIECES = [TextPiece(5, "a"), TextPiece(6, " b"), TextPiece(2, "", "eos_token")]


def test_each_clients_form_is_read() -> None:
    tgi = read_request(
        {"inputs": "x", "parameters": {"max_new_tokens": 7, "top_p": 0.5, "stop": ["."]}, "stream": True}
    )
    assert (tgi.form, tgi.tokens, tgi.top_p, tgi.stops, tgi.stream, tgi.temperature) == (
        AnswerForm.TGI,
        7,
        0.5,
        (".",),
        True,
        0,
    )
    chat = read_request({"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}], "max_tokens": 3})
    assert (chat.form, chat.prompt, chat.tokens, chat.temperature) == (
        AnswerForm.CHAT,
        [{"role": "user", "content": "hi"}],
        3,
        1,
    )
    assert read_request("x").form is AnswerForm.TEXT
    ours = read_request({"text_inputs": "x", "max_length": 9, "num_return_sequences": 2, "do_sample": True})
    assert (ours.form, ours.tokens, ours.count, ours.temperature) == (AnswerForm.TEXTS, 9, 2, 1)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "an object with inputs"),
        ({"inputs": 1}, "inputs: a text is expected"),
        ({"inputs": "x", "parameters": {"max_new_tokens": 10**9}}, "max_new_tokens: a whole number from 1 to 8192"),
        ({"inputs": "x", "parameters": {"max_new_tokens": True}}, "max_new_tokens: a whole number"),
        ({"inputs": "x", "parameters": {"temperature": -1}}, "temperature: a number from 0 to 100, not -1"),
        ({"inputs": "x", "parameters": {"watermark": True}}, "watermark: it is not supported"),
        ({"inputs": "x", "parameters": {"stop": [""] * 3}}, "stop: at most 16 texts"),
        ({"messages": []}, "messages: a list"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "roles system, user and assistant"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "parts of the type text"),
        ({"prompt": "x", "n": 2}, "n: 1 is supported, not 2"),
    ],
)
def test_what_cannot_be_done_is_named(document: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_request(document)


def test_answers_have_each_clients_form() -> None:
    asked = read_request({"inputs": "x", "parameters": {"details": True, "return_full_text": True}})
    (tgi,) = whole(asked, 1, PIECES)
    assert tgi["generated_text"] == "xa b"
    assert (tgi["details"]["finish_reason"], tgi["details"]["generated_tokens"]) == ("eos_token", 3)
    chat = whole(read_request({"messages": [{"role": "user", "content": "x"}]}), 4, PIECES)
    assert chat["choices"][0]["message"] == {"role": "assistant", "content": "a b"}
    assert (chat["choices"][0]["finish_reason"], chat["usage"]["total_tokens"]) == ("stop", 7)
    assert whole(read_request("x"), 1, PIECES) == {"generated_text": "a b"}


def test_streams_are_server_sent_events() -> None:
    lines = list(events(read_request({"inputs": "x", "stream": True}), PIECES))
    assert all(line.startswith("data:") and line.endswith("\n\n") for line in lines)
    documents = [json.loads(line[5:]) for line in lines]
    assert [each["generated_text"] for each in documents] == [None, None, "a b"]
    chat = read_request({"messages": [{"role": "user", "content": "x"}], "stream": True})
    *chunks, last = list(events(chat, PIECES))
    assert last == "data: [DONE]\n\n"
    deltas = [json.loads(each[6:])["choices"][0] for each in chunks]
    assert deltas[0]["delta"] == {"content": "a", "role": "assistant"}
    assert [each["finish_reason"] for each in deltas] == [None, None, "stop"]


def test_what_may_become_a_stop_sequence_waits() -> None:
    assert ready_length("one tw", ("two",)) == 4
    assert ready_length("one", ("two",)) == 3
    assert ready_length("caf\N{REPLACEMENT CHARACTER}", ()) == 3
