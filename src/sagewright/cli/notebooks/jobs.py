"""A notebook run as a job from the terminal."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sagewright.toolkit.notebook_jobs.options import OPTION, OPTIONS, VARIABLE, JobOptions, read_options
from sagewright.toolkit.notebook_jobs.outputs import read_output
from sagewright.toolkit.notebook_jobs.requests import BadNotebookJob, NotebookJob, output_name
from sagewright.toolkit.notebook_jobs.service import NotebookJobService, files_beside

LOOK_S = 0.5
ENDED = frozenset({"Completed", "Failed", "Stopped"})


NAMES = ("environment", "instance-type", "timezone", "with-folder", "wait", "env:NAME", *OPTIONS)
"""Options of a run, besides its parameters."""
OWN = ("environment", "instance-type", "timezone")
YES_OR_NO = {"with-folder": "false", "wait": "true"}


@dataclass(frozen=True)
class RunOptions:
    """`environment`: the name of an environment, or an image's URI; `with_folder`: send all files in the notebook's folder;
    `job`: the options that jobs of JupyterLab have, too."""

    environment: str = "base-python"
    instance_type: str = "ml.m5.large"
    timezone: str = "UTC"
    with_folder: bool = False
    wait: bool = True
    job: JobOptions = field(default_factory=JobOptions)


@dataclass(frozen=True)
class NotebookRun:
    """A notebook to run. `schedule`: a crontab line, "" to run it now; `output`: the file for the executed notebook, None for
    one in the notebook's folder."""

    file: Path
    parameters: dict[str, str] = field(default_factory=dict)
    options: RunOptions = field(default_factory=RunOptions)
    schedule: str = ""
    output: Path | None = None


def read_run_options(given: dict[str, str]) -> RunOptions:
    """Parses options. Raises BadNotebookJob."""
    own = {name: given[name] for name in OWN if name in given}
    chosen = {name: given.get(name, default) for name, default in YES_OR_NO.items()}
    for name, value in chosen.items():
        if value not in {"true", "false"}:
            raise BadNotebookJob(f"{name} is {value}: it must be true or false.")
    rest = {name: value for name, value in given.items() if name not in {*OWN, *YES_OR_NO}}
    named = {
        f"{VARIABLE}{name.removeprefix('env:')}" if name.startswith("env:") else f"{OPTION}{name}": value
        for name, value in rest.items()
    }
    renamed = {name.replace("-", "_"): value for name, value in own.items()}
    return RunOptions(
        **renamed, with_folder=chosen["with-folder"] == "true", wait=chosen["wait"] == "true", job=read_options(named)
    )


def run_notebook(service: NotebookJobService, run: NotebookRun, say: Callable[[str], None]) -> bool:
    """Runs a notebook, or schedules it. Returns False if it failed. Raises BadNotebookJob, BadCrontab, NoOutput."""
    options = run.options
    job = NotebookJob(
        label=run.file.stem,
        notebook=run.file.name,
        role=service.role(),
        image=service.image(options.environment),
        environment_name=options.environment,
        instance_type=options.instance_type,
        **vars(options.job) | {"parameters": run.parameters},
    )
    files = files_beside(run.file, job.startup_script, folder=options.with_folder)
    if run.schedule:
        say(f"The schedule {service.schedule(job, files, run.schedule, options.timezone)} starts {run.file.name}.")
        return True
    name = service.start(job, files)
    say(f"The job {name} runs {run.file.name}.")
    if not options.wait:
        return True
    return _followed(service, name, run.output or run.file.with_name(output_name(run.file.name)), say)


def _followed(service: NotebookJobService, name: str, output: Path, say: Callable[[str], None]) -> bool:
    before = ""
    while (found := service.describe(name))["TrainingJobStatus"] not in ENDED:
        if found["SecondaryStatus"] != before:
            before = found["SecondaryStatus"]
            say(f"{before} …")
        time.sleep(LOOK_S)
    failed = found["TrainingJobStatus"] != "Completed"
    if failed:
        say(f"{found['TrainingJobStatus']}: {found.get('FailureReason', '')}")
    if not failed or found.get("TrainingStartTime"):
        output.write_bytes(read_output(service.client("s3"), found))
        say(f"The notebook as it was run is in {output}.")
    return not failed
