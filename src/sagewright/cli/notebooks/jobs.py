"""A notebook run as a job from the terminal."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sagewright.toolkit.notebook_jobs.outputs import read_output
from sagewright.toolkit.notebook_jobs.requests import NotebookJob, output_name
from sagewright.toolkit.notebook_jobs.service import NotebookJobService, files_beside

LOOK_S = 0.5
ENDED = frozenset({"Completed", "Failed", "Stopped"})


@dataclass(frozen=True)
class NotebookRun:
    """A notebook to run. `environment`: the name of an environment, or an image's URI; `output`: the file for the executed notebook,
    None for one beside it; `schedule`: a crontab line, "" to run it now."""

    file: Path
    environment: str
    options: dict[str, object] = field(default_factory=dict)
    with_folder: bool = False
    schedule: str = ""
    timezone: str = "UTC"
    output: Path | None = None
    wait: bool = True


def run_notebook(service: NotebookJobService, run: NotebookRun, say: Callable[[str], None]) -> bool:
    """Runs a notebook, or schedules it. Returns False if it failed. Raises BadNotebookJob, BadCrontab, NoOutput."""
    job = NotebookJob(
        label=run.file.stem,
        notebook=run.file.name,
        role=service.role(),
        image=service.image(run.environment),
        environment_name=run.environment,
        **run.options,  # type: ignore[arg-type]
    )
    files = files_beside(run.file, job.startup_script, folder=run.with_folder)
    if run.schedule:
        say(f"The schedule {service.schedule(job, files, run.schedule, run.timezone)} starts {run.file.name}.")
        return True
    name = service.start(job, files)
    say(f"The job {name} runs {run.file.name}.")
    if not run.wait:
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
