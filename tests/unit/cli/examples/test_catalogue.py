"""The exam's programs beside the guide's scenarios."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from sagewright.cli.examples.catalogue import SDKS, NoExample, examples, find, heading, programs, requirements
from sagewright.model.guide.scenarios import SCENARIOS

LINES = 40
"""Lines of code, beside the docstring, imports and blank ones."""


@pytest.mark.parametrize("sdk", SDKS)
def test_each_scenario_has_a_program_with_its_words_as_heading(sdk: str) -> None:
    found = examples(sdk)
    assert len(found) == len(SCENARIOS) == 20
    for each in found:
        assert heading(each.code) == f"{each.scenario.question}: {each.scenario.answer}.", each.path
    folder = found[0].path.parent
    assert {path.name for path in folder.glob("*.py")} == {each.path.name for each in found}


@pytest.mark.parametrize("sdk", SDKS)
def test_programs_are_short_and_end_with_a_checked_result(sdk: str) -> None:
    for each in examples(sdk):
        body = each.code.partition('"""\n\n')[2]
        lines = [line for line in body.splitlines() if line.strip() and not line.startswith(("import ", "from "))]
        assert len(lines) <= LINES, f"{each.path}: {len(lines)} lines"
        last = ast.parse(each.code).body[-1]
        assert isinstance(last, ast.Expr)
        assert ast.unparse(last).startswith("result.check("), each.path


@pytest.mark.parametrize("name", ["topics", "10", "10_topics", "exam/10_topics.py", "TOPICS"])
def test_an_example_is_found_by_name_number_and_file(name: str) -> None:
    assert find(name, "v2").name == "topics"


def test_an_unknown_name_is_answered_with_a_near_one() -> None:
    with pytest.raises(NoExample, match="Did you mean word_embeddings"):
        find("word_embedings", "v2")
    with pytest.raises(NoExample, match="examples list"):
        find("x" * 10_000, "v2")


def test_the_programs_of_a_checkout_are_found() -> None:
    assert (programs() / "datasets.py").is_file()
    assert any(one.startswith("sagemaker") for one in requirements("v3"))
    assert isinstance(programs(), Path)
