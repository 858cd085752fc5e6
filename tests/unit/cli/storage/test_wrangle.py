from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer

from sagewright.cli.storage.wrangle import _follow, wrangle


def test_a_step_that_lacks_a_parameter_is_named_when_the_flow_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    step = {"node_id": "a", "type": "TRANSFORM", "operator": "sagemaker.spark.custom_formula_0.1", "parameters": {}}
    file = tmp_path / "x.flow"
    file.write_text(json.dumps({"nodes": [step]}))
    with pytest.raises(typer.Exit) as caught:
        wrangle(file, code=True)
    assert caught.value.exit_code == 2
    assert "(node a): Missing required parameter formula" in " ".join("".join(capsys.readouterr()).split())


def test_a_job_that_failed_ends_the_command_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    def answered(operation: str, **_: Any) -> dict[str, Any]:
        known = {"DescribeProcessingJob": {"ProcessingJobStatus": "Failed", "ExitMessage": "Customer Error: why"}}
        return known[operation]

    def no_pages(*_: str, **__: Any) -> list[dict[str, Any]]:
        return []

    sagemaker, logs = SimpleNamespace(call=answered), SimpleNamespace(pages=no_pages)
    with pytest.raises(typer.Exit) as caught:
        _follow(sagemaker, logs, "j")
    assert (caught.value.exit_code, "Customer Error: why" in capsys.readouterr().err) == (1, True)
