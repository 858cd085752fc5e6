"""Which requests about images are refused, and what form an answer has."""

from __future__ import annotations

import pytest

from sagewright.algorithms.deep.images import answers
from sagewright.algorithms.deep.images.decoding import BadImage
from sagewright.algorithms.formats.content_type import ContentType

OFFERED = ("application/json", "application/json;annotation=1", "application/jsonlines")


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("text/csv, application/jsonlines", "application/jsonlines"),
        ("application/json;annotation=1", "application/json;annotation=1"),
    ],
)
def test_the_clients_first_choice_that_is_offered_counts(accept: str, form: str) -> None:
    assert answers.form_of("image/png", accept, OFFERED) == ContentType.parse(form)
    assert answers.form_of("", accept, OFFERED) == ContentType.parse(form)


@pytest.mark.parametrize(
    ("content_type", "accept", "status", "described"),
    [
        ("text/csv", "*/*", 415, "Content-type text/csv is not supported; these are: image/jpeg"),
        ("image/png", "image/*", 406, "Accept type image/* is not supported; these are: application/json, "),
        ("image/png", "text/csv", 406, "Accept type text/csv is not supported"),
    ],
)
def test_others_are_refused(content_type: str, accept: str, status: int, described: str) -> None:
    answer = answers.form_of(content_type, accept, OFFERED)
    assert not isinstance(answer, ContentType)
    assert answer.status == status
    assert answer.body.decode().startswith(described)


def test_an_image_that_cant_be_used_is_a_bad_request() -> None:
    answer = answers.unusable(BadImage("it is empty"))
    assert answer.status == 400
    assert b"can't be used: it is empty" in answer.body
