"""Notebook jobs: from JupyterLab's menu by its extension's own requests, from the terminal, and in Studio."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.notebooks.conftest import Lab

if TYPE_CHECKING:
    from tests.conftest import RunningServer

SCRIPT = "<table><tr><th>who</th></tr><tr><td>world</td></tr></table><script>document.title='run'</script>"
CELLS = [
    ("who = 'nobody'", ["parameters"]),
    ("import os; print('hello', who, os.environ.get('MINE'), os.environ.get('SET_BY_INIT'))", []),
    (f"from IPython.display import HTML, display; display(HTML({SCRIPT!r}))", []),
]
ENDED = {"COMPLETED", "FAILED", "STOPPED"}


def notebook(*further: str) -> dict[str, Any]:
    cells = [
        {
            "cell_type": "code",
            "id": f"c{n}",
            "metadata": {"tags": tags},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        for n, (source, tags) in enumerate([*CELLS, *((one, list[str]()) for one in further)])
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": cells}


def texts(made: dict[str, Any]) -> str:
    outputs = (one for cell in made["cells"] for one in cell.get("outputs", []))
    return "".join("".join(one.get("text", "")) for one in outputs)


@pytest.fixture(scope="module")
def signed_in(lab: Lab) -> Lab:
    return lab.stranger().signed_in()


def ask(lab: Lab, method: str, path: str, document: Any = None) -> tuple[int, Any]:
    status, _, body = lab.ask(method, path, None if document is None else json.dumps(document).encode())
    return status, json.loads(body) if body else None


@pytest.fixture(scope="module")
def job(signed_in: Lab) -> dict[str, Any]:
    """A job made as JupyterLab's form makes it, when it has ended."""
    for name, content in (("report.ipynb", notebook()), ("init.sh", "export SET_BY_INIT=yes\n")):
        kind = (
            {"type": "notebook", "format": "json"} if isinstance(content, dict) else {"type": "file", "format": "text"}
        )
        assert ask(signed_in, "PUT", f"/api/contents/{name}", {**kind, "content": content})[0] in {200, 201}
    parameters = {"who": "menu", "sagemaker:environment:MINE": "mine", "sagemaker:startup-script": "init.sh"}
    status, made = ask(
        signed_in, "POST", "/scheduler/jobs",
        {"input_uri": "report.ipynb", "runtime_environment_name": "base-python", "name": "weekly report",
         "output_formats": ["ipynb", "html"], "parameters": parameters, "compute_type": "ml.m5.large"},
    )  # fmt: skip
    assert status == 200, made
    until = time.monotonic() + 240
    while time.monotonic() < until:
        _, found = ask(signed_in, "GET", f"/scheduler/jobs/{made['job_id']}")
        if found["status"] in ENDED:
            return dict(found)
        time.sleep(0.5)
    raise AssertionError(found)


def test_the_form_offers_schedules_and_parameters(signed_in: Lab) -> None:
    offered = ask(signed_in, "GET", "/scheduler/config")[1]["supported_features"]
    assert (offered["parameters"], offered["job_definition"], offered["stop_job"]) == (True, True, True)
    named = [one["name"] for one in ask(signed_in, "GET", "/scheduler/runtime_environments")[1]]
    assert named == ["base-python", "pytorch", "scikit-learn"]


def test_a_job_of_the_menu_is_a_training_job(signed_in: Lab, job: dict[str, Any]) -> None:
    assert (job["status"], job["name"], job["parameters"]) == ("COMPLETED", "weekly report", {"who": "menu"}), job
    found = signed_in.server.boto("sagemaker").describe_training_job(TrainingJobName=job["job_id"])
    assert found["AlgorithmSpecification"]["ContainerEntrypoint"] == ["amazon_sagemaker_scheduler"]
    assert found["HyperParameters"] == {"who": "menu"}


def test_its_notebook_is_downloaded_into_the_home(signed_in: Lab, job: dict[str, Any]) -> None:
    assert ask(signed_in, "GET", f"/scheduler/jobs/{job['job_id']}/download_files")[0] == 204
    described = ask(signed_in, "GET", f"/scheduler/jobs/{job['job_id']}")[1]
    files = {one["file_format"]: one["file_path"] for one in described["job_files"]}
    made = ask(signed_in, "GET", f"/api/contents/{files['ipynb']}")[1]["content"]
    assert texts(made) == "hello menu mine yes\n"
    page = signed_in.ask("GET", f"/files/{files['html']}")[2]
    assert b"hello menu" in page
    assert b"document.title='run'</script>" not in page


def test_a_schedule_of_the_menu_is_eventbridges(signed_in: Lab) -> None:
    asked = {"input_uri": "report.ipynb", "runtime_environment_name": "base-python", "name": "daily", "output_formats": ["ipynb"],
             "schedule": "0 9 * * 1-5", "timezone": "Europe/Berlin"}  # fmt: skip
    status, made = ask(signed_in, "POST", "/scheduler/job_definitions", asked)
    assert status == 200, made
    name = made["job_definition_id"]
    found = signed_in.server.boto("scheduler").get_schedule(Name=name)
    assert (found["ScheduleExpression"], found["ScheduleExpressionTimezone"]) == (
        "cron(0 9 ? * 2-6 *)",
        "Europe/Berlin",
    )
    described = ask(signed_in, "GET", f"/scheduler/job_definitions/{name}")[1]
    assert (described["schedule"], described["active"], described["name"]) == ("0 9 * * 1-5", True, "daily")
    assert ask(signed_in, "PATCH", f"/scheduler/job_definitions/{name}", {"active": False})[0] == 204
    assert signed_in.server.boto("scheduler").get_schedule(Name=name)["State"] == "DISABLED"
    assert ask(signed_in, "DELETE", f"/scheduler/job_definitions/{name}")[0] == 204
    assert ask(signed_in, "GET", "/scheduler/job_definitions")[1]["total_count"] == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"input_uri": "none.ipynb"}, "There is no file none.ipynb."),
        ({"input_uri": "../../etc/passwd"}, "There is no file"),
        ({"parameters": {"sagemaker:nothing": "1"}}, "is none of the options"),
        ({"runtime_environment_name": "other"}, "is none of the environments"),
        ({"parameters": {"sagemaker:startup-script": "../x"}}, "is not in the folder of the notebook"),
    ],
)
def test_what_can_be_no_job_is_said(signed_in: Lab, job: dict[str, Any], changes: dict[str, Any], words: str) -> None:
    asked = {
        "input_uri": "report.ipynb",
        "runtime_environment_name": "base-python",
        "name": "x",
        "output_formats": ["ipynb"],
    }
    status, refused = ask(signed_in, "POST", "/scheduler/jobs", asked | changes)
    assert (status, words in refused["message"]) == (500, True), refused


def command(server: RunningServer, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = str(Path(sys.executable).parent / "sagewright")
    return subprocess.run(
        [program, "notebook", *arguments, "--data", str(server.data)],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


def test_a_notebook_runs_from_the_terminal(lab: Lab, tmp_path: Path) -> None:
    file = tmp_path / "broken.ipynb"
    file.write_text(json.dumps(notebook("raise ValueError('no')")))
    done = command(lab.server, "run", str(file), "--param", "who=terminal", "--option", "env:MINE=1")
    assert done.returncode == 1
    assert "Failed: AlgorithmError" in done.stdout
    assert texts(json.loads((tmp_path / "broken-output.ipynb").read_text())) == "hello terminal 1 None\n"
    refused = command(lab.server, "run", str(file), "--schedule", "0 9 1 * 1")
    assert (refused.returncode, "allow one of them" in refused.stderr) == (2, True)
    scheduled = command(lab.server, "run", str(file), "--schedule", "@yearly")
    (one,) = lab.server.boto("scheduler").list_schedules(NamePrefix="notebook-")["Schedules"]
    assert (scheduled.returncode, one["Name"] in scheduled.stdout) == (0, True)
    lab.server.boto("scheduler").delete_schedule(Name=one["Name"])


def test_the_command_lists_opens_and_stops(lab: Lab) -> None:
    listed = command(lab.server, "--list")
    assert "anna" in listed.stdout
    assert "InService" in listed.stdout
    opened = command(lab.server, lab.space, "--no-open")
    assert (opened.returncode, lab.stranger().open(opened.stdout.strip())[0]) == (0, 303)
    assert "does not run" in command(lab.server, "nobody", "--stop").stdout
