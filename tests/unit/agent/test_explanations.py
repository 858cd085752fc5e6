"""Explanations in a FailureReason: what the agent knows of a process's end, beside what the program left."""

from __future__ import annotations

import pytest

from sagewright.agent.explanations import FAILURE_CHARACTERS, explained, explanation, last_line
from sagewright.runtimes.images import resolve_image

SKLEARN = resolve_image("683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3")
CONTAINER = "The container needed more than its 1 GiB of memory and was killed."
MISSING = "ModuleNotFoundError: No module named 'flask'"


@pytest.mark.parametrize(
    ("code", "out_of_memory", "last", "said"),
    [
        (137, "Out of memory: 1 GiB.", [MISSING], "Out of memory: 1 GiB."),
        (1, "Out of memory: a worker.", [], "Out of memory: a worker."),
        (137, "", ["step 1"], "Exit code 137 stands for SIGKILL"),
        (137, "", [CONTAINER], CONTAINER),
        (1, "", [MISSING], "No module 'flask' in the environment: add flask to a requirements.txt"),
        (1, "", ["ValueError: 7"], ""),
    ],
)
def test_what_explains_an_end(code: int, out_of_memory: str, last: list[str], said: str) -> None:
    found = explanation(SKLEARN, code, out_of_memory, last)
    assert found.startswith(said) if said else not found


def test_a_container_gets_no_advice_about_an_environment() -> None:
    assert not explanation(None, 1, "", [MISSING])


def test_a_long_failure_leaves_room_for_its_explanation() -> None:
    text = explained("x" * 70_000, "Because.")
    assert text is not None
    assert len(text) == FAILURE_CHARACTERS
    assert text.endswith("x\nBecause.")
    assert explained(None, "Because.") == "Because."
    assert explained("own", "") == "own"
    assert explained(None, "") is None


def test_the_last_line_is_the_last_with_text() -> None:
    assert last_line(["first", " second ", "", "  "]) == "second"
    assert last_line([]) == ""
    assert last_line(["ValueError: no weights", "the worker ended with status 3"]) == "ValueError: no weights"
    assert last_line(["x" * 9000 + "Error: "]) == "x" * 300
    assert len(last_line(["x" * 9000])) == 300
