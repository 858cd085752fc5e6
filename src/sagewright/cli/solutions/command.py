"""`sagewright solutions`: whole pipelines on packaged data, each with an endpoint and a report."""

from __future__ import annotations

import itertools
import os
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from sagewright.cli.client import client
from sagewright.cli.examples.command import running_server, sdk_python
from sagewright.cli.examples.runs import environ_of
from sagewright.cli.jobs.kinds import refuse
from sagewright.cli.options import DataOption, console, fail, settings_of
from sagewright.cli.output import Format, JsonOption, OutputColumn, OutputOption, chosen, print_rows
from sagewright.cli.solutions.removal import NotRemoved, SolutionRemoval
from sagewright.cli.solutions.running import run_solution
from sagewright.cli.solutions.templates import NoSolution, SolutionFiles, find_solution, solutions
from sagewright.door.environment import applied, find_target, variables
from sagewright.model.settings import Settings

app = typer.Typer(
    help="Whole solutions: data, a pipeline, a registered model, an endpoint and a report.", no_args_is_help=True
)
LISTED = [
    OutputColumn("name", lambda one: str(one["Name"])),
    OutputColumn("question", lambda one: str(one["Question"])),
    OutputColumn("algorithm", lambda one: str(one["Algorithm"])),
    OutputColumn("data", lambda one: str(one["Data"])),
    OutputColumn("measure", lambda one: str(one["Measure"])),
]
NameArgument = Annotated[str, typer.Argument(help="Name of the solution.")]


@app.command("list")
def list_(output: OutputOption = Format.TABLE, json: JsonOption = False) -> None:
    """List the solutions: the question that each answers, its algorithm and data, and the bound that its result must meet."""
    found = [
        {
            "Name": one.template.name,
            "Question": one.template.question,
            "Algorithm": one.template.algorithm,
            "Data": one.template.data,
            "Measure": one.template.measure,
        }
        for one in solutions()
    ]
    print_rows(found, LISTED, chosen(output, json))


@app.command("show")
def show(name: NameArgument) -> None:
    """Print the files of a solution: its readme, its program, and the scripts of its jobs."""
    for path in _found(name).files:
        console.print(f"# {path}", soft_wrap=True, markup=False)
        console.print(path.read_text(), soft_wrap=True, markup=False)


@app.command("run")
def run(
    name: NameArgument,
    data: DataOption = None,
    start: Annotated[
        bool,
        typer.Option("--start", help="If no server runs, start one on the data directory, and stop it at the end."),
    ] = False,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep/--remove", help="Keep the resources that the solution creates, or delete them at the end."
        ),
    ] = True,
    timeout_s: Annotated[float, typer.Option("--timeout", min=1, help="Seconds for the whole solution.")] = 3600,
) -> None:
    """Run a solution from nothing to an answering endpoint. The exit status is 1 if one of its steps failed.

    Its pipeline is created or updated, an execution is started and followed, the approved version is deployed, and a request is
    sent to the endpoint. The last line has the measure and its bound, the seconds, and three pages of Studio: the execution, the
    endpoint and the report.
    """
    solution = _found(name)
    settings = settings_of(data=data)
    with running_server(settings, start):
        python = sdk_python("v2", settings)
        target = find_target(settings.data, settings.region, settings.account)
        environ = environ_of(applied(variables(target, settings.data, os.environ), os.environ))
        done = run_solution(solution, python, environ, timeout_s, _print)
        if not keep:
            _remove(solution, settings, data_too=True)
    if not done:
        raise typer.Exit(1)


@app.command("remove")
def remove(
    name: NameArgument,
    data: DataOption = None,
    data_too: Annotated[
        bool, typer.Option("--data-too", help="Delete its data, results and reports in S3 as well.")
    ] = False,
) -> None:
    """Delete the resources that a solution created: endpoint, configurations, models, registered versions, pipeline."""
    _remove(_found(name), settings_of(data=data), data_too)


def _remove(solution: SolutionFiles, settings: Settings, data_too: bool) -> None:
    sagemaker, s3, sts = (client(settings, service) for service in ("sagemaker", "s3", "sts"))
    try:
        bucket = f"sagemaker-{sagemaker.meta.region_name}-{sts.get_caller_identity()['Account']}"
        removal = SolutionRemoval(solution.template, sagemaker, s3, bucket)
        found = False
        for words in itertools.chain(removal.resources(), removal.objects() if data_too else ()):
            found = True
            _print(words)
    except ClientError as error:
        refuse(error)
    except (BotoCoreError, NotRemoved) as error:
        fail(str(error))
    if not found:
        _print(f"Nothing of the solution {solution.template.name} is there.")


def _found(name: str) -> SolutionFiles:
    try:
        return find_solution(name)
    except NoSolution as error:
        fail(str(error))


def _print(line: str) -> None:
    console.print(line, markup=False, soft_wrap=True)
