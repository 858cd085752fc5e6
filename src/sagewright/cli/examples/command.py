"""`sagewright examples`: programs that answer twenty questions, each with a result that is checked."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from sagewright.cli.examples.catalogue import SDKS, Example, NoExample, examples, find
from sagewright.cli.examples.clients import python_of
from sagewright.cli.examples.runs import ExampleRun, State, environ_of, run
from sagewright.cli.options import DataOption, console, fail, settings_of
from sagewright.cli.output import Format, JsonOption, OutputColumn, OutputOption, chosen, print_rows
from sagewright.door.environment import NoServer, applied, find_target, variables
from sagewright.model.settings import Settings

START_S = 60
COLOURS = {State.OK: "green", State.FAILED: "red", State.SKIPPED: "yellow"}

app = typer.Typer(
    help="Twenty questions of a SageMaker user, each answered by a program that checks its result.",
    no_args_is_help=True,
)
LISTED = [
    OutputColumn("name", lambda one: str(one["Name"])),
    OutputColumn("number", lambda one: str(one["Number"])),
    OutputColumn("question", lambda one: str(one["Question"])),
    OutputColumn("answer", lambda one: str(one["Answer"])),
    OutputColumn("path", lambda one: str(one["Path"]), wide=True),
]
SdkOption = Annotated[str, typer.Option("--sdk", help="Version of the SageMaker Python SDK: v2 or v3.")]


@app.command("list")
def list_(sdk: SdkOption = "v2", output: OutputOption = Format.TABLE, as_json: JsonOption = False) -> None:
    """List the examples and the question that each of them answers. JSON has Name, Number, Question, Answer and Path."""
    found = [
        {
            "Name": each.name,
            "Number": each.number,
            "Question": each.scenario.question,
            "Answer": each.scenario.answer,
            "Path": str(each.path),
        }
        for each in examples(_checked(sdk))
    ]
    print_rows(found, LISTED, chosen(output, as_json))


@app.command("show")
def show(name: Annotated[str, typer.Argument(help="Name or number.")], sdk: SdkOption = "v2") -> None:
    """Print the program of an example."""
    example = _found(name, sdk)
    console.print(f"# {example.path}", soft_wrap=True, markup=False)
    console.print(example.code, soft_wrap=True, markup=False, end="")


@app.command("run")
def run_(  # a parameter is an option of the command
    names: Annotated[list[str] | None, typer.Argument(help="Names or numbers.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Run all of them.")] = False,
    sdk: SdkOption = "v2",
    data: DataOption = None,
    start: Annotated[
        bool,
        typer.Option("--start", help="If no server runs, start one on the data directory, and stop it at the end."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False,
    timeout_s: Annotated[float, typer.Option("--timeout", min=1, help="Seconds for each example.")] = 900,
) -> None:
    """Run examples on the server, one after the other. The exit status is 1 if one fails.

    A line shows the result, the bound that it must meet, the time in seconds, and the page in Studio. An example that needs
    something that this machine lacks is skipped, with a message.
    """
    _checked(sdk)
    if every == bool(names):
        fail("Name the examples to run, or use --all. `sagewright examples list` shows them.")
    chosen = examples(sdk) if every else [_found(name, sdk) for name in names or []]
    settings = settings_of(data=data)
    with running_server(settings, start):
        python = sdk_python(sdk, settings)
        target = find_target(settings.data, settings.region, settings.account)
        environ = environ_of(applied(variables(target, settings.data, os.environ), os.environ))
        begun, done = time.monotonic(), []
        for example in chosen:
            log = settings.data / "examples" / f"{example.path.stem}-{sdk}.log"
            done.append(run(example, python, environ, log, timeout_s))
            _print(done[-1], as_json)
    if not as_json and len(done) > 1:
        counts = {state: sum(each.state is state for each in done) for state in State}
        words = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
        console.print(f"{words} in {time.monotonic() - begun:.0f} s")
    if any(each.state is State.FAILED for each in done):
        raise typer.Exit(1)


def _checked(sdk: str) -> str:
    if sdk not in SDKS:
        fail(f"--sdk is {sdk[:20]!r}: it must be {' or '.join(SDKS)}.")
    return sdk


def _found(name: str, sdk: str) -> Example:
    try:
        return find(name, _checked(sdk))
    except NoExample as error:
        fail(str(error))


def sdk_python(sdk: str, settings: Settings) -> Path:
    from sagewright.runtimes.environments import EnvironmentFailed

    try:
        return python_of(sdk, settings, lambda line: print(line, file=sys.stderr))  # noqa: T201
    except EnvironmentFailed as error:
        fail(f"The environment for SDK {sdk} can't be built: {error}")


@contextlib.contextmanager
def running_server(settings: Settings, may_start: bool) -> Iterator[None]:
    """A running server: the one that is there, or with `may_start` one that ends with the block."""
    try:
        find_target(settings.data, settings.region, settings.account)
        yield
        return
    except NoServer as error:
        if not may_start:
            fail(f"{error}, or add --start")
    settings.data.mkdir(parents=True, exist_ok=True)
    log = settings.data / "examples-server.log"
    command = [sys.executable, "-m", "sagewright.cli.main", "up", "--data", str(settings.data), "--port", "0"]
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        deadline = time.monotonic() + START_S
        while not _runs(settings):
            if process.poll() is not None or time.monotonic() > deadline:
                fail(f"The server did not start; see {log}")
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()


def _runs(settings: Settings) -> bool:
    try:
        find_target(settings.data, settings.region, settings.account)
    except NoServer:
        return False
    return True


def _print(done: ExampleRun, as_json: bool) -> None:
    if as_json:
        print(json.dumps(done.document()), flush=True)  # noqa: T201
        return
    state = f"[{COLOURS[done.state]}]{done.state:7}[/]"
    if done.verdict is not None:
        said = done.verdict
        words = f"{said.measure} {said.value:.4g}, {said.bound} {said.limit:.4g}"
        console.print(f"{state} {done.name:22} {words:72} {done.seconds:6.1f} s  {said.link}", soft_wrap=True)
        return
    last = done.lines[-1] if done.lines else ""
    console.print(f"{state} {done.name:22} {done.seconds:6.1f} s  ", end="")
    console.print(last, markup=False, soft_wrap=True)
    if done.state is State.FAILED:
        for line in done.lines:
            console.print(f"        {line}", markup=False, soft_wrap=True)
        console.print(f"        all lines: {done.log}", markup=False, soft_wrap=True)
