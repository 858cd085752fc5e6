"""The exam as a user runs it, in both SDKs. `make test` runs five of the cheap ones, drawn anew each day; `make soak` runs all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.conftest import CLIENTS

from sagewright.cli.examples.catalogue import SDKS, Example, examples
from sagewright.cli.examples.runs import ExampleRun, State, environ_of, run
from sagewright.door.environment import applied, find_target, variables

if TYPE_CHECKING:
    from conftest import RunningServer

CHEAP = {
    "tabular_xgboost", "linear_baseline", "forecast_deepar", "stream_anomalies", "experiments", "pipe_fastfile", "clarify_shap",
    "model_registry", "data_parallel",
}  # fmt: skip
"""Those that take less than 18 s of CPU time each."""
EVERY = [each for sdk in SDKS for each in examples(sdk)]


def some(cheap: bool) -> pytest.MarkDecorator:
    chosen = [each for each in EVERY if (each.name in CHEAP) is cheap]
    return pytest.mark.parametrize("example", chosen, ids=[f"{each.name}-{each.sdk}" for each in chosen])


def run_here(server: RunningServer, example: Example, place: Path) -> ExampleRun:
    """Runs it in the tests' environment of its SDK, which `sagewright examples run` would make for itself."""
    target = find_target(server.data, "us-east-1", "000000000000")
    environ = environ_of(applied(variables(target, server.data, os.environ), os.environ))
    return run(example, CLIENTS / f"sdk-{example.sdk}" / "bin" / "python", environ, place / "log", timeout_s=900)


def check(done: ExampleRun) -> None:
    if done.state is State.SKIPPED:
        pytest.skip(done.lines[-1])
    assert done.verdict is not None, "\n".join(done.lines)
    assert "/studio/" in done.verdict.link


@pytest.mark.sampled(3, of="cheap examples of the exam")
@some(cheap=True)
def test_a_cheap_example_ends_with_its_result(server: RunningServer, tmp_path: Path, example: Example) -> None:
    check(run_here(server, example, tmp_path))


@pytest.mark.soak
@some(cheap=False)
def test_an_example_ends_with_its_result(server: RunningServer, tmp_path: Path, example: Example) -> None:
    check(run_here(server, example, tmp_path))
