"""The solutions' files beside their templates."""

from __future__ import annotations

import ast

import pytest

from sagewright.cli.examples.catalogue import programs
from sagewright.cli.solutions.templates import NoSolution, find_solution, solutions
from sagewright.model.guide.solutions import SOLUTIONS, TAG


def test_each_template_has_its_files() -> None:
    found = solutions()
    assert len(found) == len(SOLUTIONS) == 6
    for each in found:
        names = [path.name for path in each.files]
        assert names[:2] == ["README.md", "solution.py"]
        assert {"preprocess.py", "evaluate.py"} <= set(names)
    assert {path.name for path in (programs() / "solutions").iterdir() if (path / "solution.py").is_file()} == {
        each.name for each in SOLUTIONS
    }


@pytest.mark.parametrize("name", [each.name for each in SOLUTIONS])
def test_a_program_says_what_its_template_says(name: str) -> None:
    """Names, the command and the limit stand in both."""
    template = find_solution(name).template
    code = find_solution(name).program.read_text()
    tree = ast.parse(code)
    assert (ast.get_docstring(tree) or "").endswith(f"Run it: {template.command}")
    assert f'Solution("{name}")' in code
    (limit,) = [
        node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and getattr(node.targets[0], "id", "") == "LIMIT"
        and isinstance(node.value, ast.Constant)
    ]
    assert str(limit) in template.measure or name == "recommender"
    readme = find_solution(name).files[0].read_text()
    assert template.command in readme
    assert f"sagewright solutions remove {name}" in readme


def test_the_tag_is_the_one_of_the_programs() -> None:
    assert f'TAG = "{TAG}"' in (programs() / "solutions" / "running.py").read_text()


def test_an_unknown_name_is_answered_with_a_near_one() -> None:
    assert find_solution("CHURN").template.name == "churn"
    with pytest.raises(NoSolution, match="Did you mean churn"):
        find_solution("chur")
    with pytest.raises(NoSolution, match="There are churn, credit"):
        find_solution("x" * 10_000)
