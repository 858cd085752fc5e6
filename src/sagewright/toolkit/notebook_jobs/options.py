"""Options of a notebook job that jupyter-scheduler's form lacks, given as parameters."""

from __future__ import annotations

from dataclasses import dataclass, field

from sagewright.toolkit.notebook_jobs.requests import BadNotebookJob

OPTION, VARIABLE = "sagemaker:", "sagemaker:environment:"
STARTUP, RETRIES, RUNTIME, KERNEL = "startup-script", "retries", "max-runtime-s", "kernel"
OPTIONS = (KERNEL, RUNTIME, RETRIES, STARTUP)


@dataclass(frozen=True)
class JobOptions:
    """`parameters`: those of the notebook itself."""

    parameters: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    startup_script: str = ""
    kernel: str = "python3"
    retries: int = 1
    max_runtime_s: int = 172_800


def read_options(given: dict[str, str]) -> JobOptions:
    """Parses parameters. Raises BadNotebookJob."""
    environment = {name.removeprefix(VARIABLE): value for name, value in given.items() if name.startswith(VARIABLE)}
    options = {
        name.removeprefix(OPTION): value
        for name, value in given.items()
        if name.startswith(OPTION) and not name.startswith(VARIABLE)
    }
    if unknown := sorted(options.keys() - set(OPTIONS)):
        raise BadNotebookJob(f"{OPTION}{unknown[0]} is none of the options {', '.join(OPTIONS)}.")
    return JobOptions(
        {name: value for name, value in given.items() if not name.startswith(OPTION)},
        environment,
        options.get(STARTUP, ""),
        options.get(KERNEL, JobOptions.kernel),
        _number(options, RETRIES, JobOptions.retries),
        _number(options, RUNTIME, JobOptions.max_runtime_s),
    )


def _number(options: dict[str, str], name: str, default: int) -> int:
    text = options.get(name, str(default))
    if not text.isdecimal() or len(text) > 9:
        raise BadNotebookJob(f"{OPTION}{name} is {text[:40]!r}: a whole number is needed.")
    return int(text)
