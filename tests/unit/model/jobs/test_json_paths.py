"""Which JSONPaths are served."""

from __future__ import annotations

import pytest

from sagewright.model.jobs.json_paths import NothingThere, WrongPath, json_path


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "$[",
        "$ | $.b",
        "$[?@.a == 1]",
        "$[?match(@, '(a+)+$')]",
        "$..[?@.a]",
        "$[" * 40,
        "$.a, $.b",
        "@.a",
        "^$",
    ],
)
def test_what_is_no_path_or_could_compute_for_ever_is_refused(text: str) -> None:
    with pytest.raises(WrongPath):
        json_path(text)


def test_the_whole_document_is_what_it_is() -> None:
    document = {"a": [1]}
    assert json_path("$").of(document) is document
    assert json_path("$").columns(["a", "b"]) == ["a", "b"]


def test_one_value_must_be_there_and_several_may_be_missing() -> None:
    with pytest.raises(NothingThere):
        json_path("$.a.b").of({"a": {}})
    assert json_path("$['a','b']").of({"b": 1}) == {"b": 1}
    assert json_path("$..x").of({}) == []
    with pytest.raises(NothingThere):
        json_path("$[7]").columns(["a"])
    assert json_path("$[-1]").columns(["a", "b"]) == ["b"]
    assert json_path("$[::-1]").columns(["a", "b"]) == ["b", "a"]
