"""The tree and the scenarios."""

from __future__ import annotations

from sagewright.cli.examples.catalogue import find, programs
from sagewright.model.guide import tree
from sagewright.model.guide.scenarios import BEYOND_ALGORITHMS


def test_every_path_ends_in_an_algorithm() -> None:
    first = tree.advise({})
    assert first.open is tree.DATA
    for data in tree.DATA.options:
        advice = tree.advise({"data": data.name})
        if advice.open is None:
            assert advice.suggestions
            continue
        for goal in advice.open.options:
            assert tree.advise({"data": data.name, "goal": goal.name}).suggestions


def test_examples_of_algorithms_exist() -> None:
    for choice in (one for found in tree.ANSWERS.values() for one in found if one.example):
        if "/" in choice.example:
            assert (programs() / f"{choice.example}.py").is_file()
        else:
            find(choice.example, "v3")


def test_unknown_answers_are_asked_again() -> None:
    assert tree.advise({"data": "nothing"}).open is tree.DATA
    assert tree.advise({"data": "table", "goal": "boxes"}).open is tree.GOALS["table"]
    assert tree.advise({"data": "addresses"}).suggestions[0].algorithm == "ipinsights"
    assert len(BEYOND_ALGORITHMS) == 10
