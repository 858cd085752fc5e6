"""The token that lets a browser in: it can't be forged, and is valid for one purpose and one time."""

from __future__ import annotations

import base64
import json

import pytest

from sagewright.model.jobs import tracking_sessions as passes
from sagewright.model.jobs.tracking_sessions import SESSION, URL, Pass

ONE = Pass(URL, "id", 1000, 60)
SECRET = passes.secret_of("admin")


def test_a_pass_is_read_as_it_was_written() -> None:
    assert passes.read(passes.written(ONE, SECRET), URL, SECRET, 999) == ONE


@pytest.mark.parametrize(("kind", "secret", "now_ms"), [(SESSION, SECRET, 0), (URL, "other", 0), (URL, SECRET, 1000)])
def test_it_is_good_for_nothing_else(kind: str, secret: str, now_ms: int) -> None:
    assert passes.read(passes.written(ONE, SECRET), kind, secret, now_ms) is None


def test_what_it_says_can_not_be_changed() -> None:
    _, _, seal = passes.written(ONE, SECRET).partition(".")
    body = base64.urlsafe_b64encode(json.dumps(vars(ONE) | {"tracker": "other"}).encode()).decode()
    assert passes.read(f"{body}.{seal}", URL, SECRET, 0) is None


@pytest.mark.parametrize("text", ["", ".", "x", "e30=.", "\N{EURO SIGN}.\N{EURO SIGN}", "a" * 3000])
def test_anything_else_is_none(text: str) -> None:
    assert passes.read(text, URL, SECRET, 0) is None
