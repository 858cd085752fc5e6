"""One run of a built-in algorithm: finds it, validates, runs it, and turns errors into a failure file and an exit code."""

from __future__ import annotations

import dataclasses
import logging
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

from sagewright.algorithms import logs
from sagewright.algorithms.errors import JobError, PlatformError, UserError
from sagewright.algorithms.functions import load_function
from sagewright.algorithms.job import ROOT_VARIABLE, STANDARD_ROOT, Job
from sagewright.algorithms.schema import catalogue
from sagewright.algorithms.schema.declaration import Declaration
from sagewright.algorithms.serving import BuiltIn
from sagewright.serving.settings import ServingSettings, WrongSetting
from sagewright.serving.several import Several, is_asked_for
from sagewright.serving.workers import serve_forever

USAGE = "usage: python -m sagewright.algorithms REPOSITORY[:VERSION] train|serve|kernels [HYPERPARAMETER=VALUE ...]"
FAILURE_CHARACTERS = 1024


def main(arguments: Sequence[str]) -> int:
    """Runs one command. Returns the exit code: 0, 1 (the algorithm's fault) or 2 (the user's)."""
    if (
        len(arguments) < 2
        or arguments[1] not in {"train", "serve", "kernels"}
        or (arguments[1] != "kernels" and arguments[2:])
    ):
        print(USAGE, file=sys.stderr)
        return 64
    named, command, *pairs = arguments
    repository, _, version = named.partition(":")
    root = Path(os.environ.get(ROOT_VARIABLE, STANDARD_ROOT))
    try:
        declaration = catalogue.find(repository)
        if declaration is None:
            raise PlatformError(f"The repository {repository} has no built-in algorithm.")
        if command == "kernels":
            rehearse(declaration, dict(pair.split("=", 1) for pair in pairs))
            return 0
        logs.configure(declaration.log_style)
        if command == "train":
            train(declaration, dataclasses.replace(Job.read(), image_version=version))
        else:
            return serve(declaration, root / "model")
    except Exception as error:  # the last line of defence: the job's owner reads it, whatever it is
        return _fail(error, root / "output" / "failure")
    return 0


def train(declaration: Declaration, job: Job) -> None:
    """Validates the job against the declaration and trains. Raises JobError and any other error of the algorithm."""
    values = declaration.validate_hyperparameters(job.hyperparameters)
    channels = declaration.validate_channels(job.channel_configurations)
    job.model_directory.mkdir(parents=True, exist_ok=True)
    load_function(declaration.train)(dataclasses.replace(job, channels=channels), values)


def rehearse(declaration: Declaration, values: Mapping[str, str]) -> None:
    """Compiles the kernels of a job with these values and keeps them in NUMBA_CACHE_DIR."""
    if declaration.kernels is not None:
        load_function(declaration.kernels.rehearse)(values)


def serve(declaration: Declaration, model_directory: Path) -> int:
    """Serves the model until the process is ended; returns the exit code. Raises UserError if the algorithm has no server."""
    if declaration.serve is None:
        raise UserError(f"{declaration.title} can't serve a model.")
    try:
        settings = ServingSettings.read(os.environ, workers=1)
    except WrongSetting as error:
        raise UserError(str(error)) from error
    function = declaration.serve
    several = is_asked_for()
    application = (
        Several(lambda directory: BuiltIn(function, directory)) if several else BuiltIn(function, model_directory)
    )
    return serve_forever(application, settings)


def _fail(error: Exception, failure_file: Path) -> int:
    if isinstance(error, JobError):
        text, code = str(error), error.exit_code
        logging.error("%s: %s", "Customer Error" if isinstance(error, UserError) else type(error).__name__, text)
        if error.__cause__ is not None and not isinstance(error, UserError):
            traceback.print_exception(error.__cause__, file=sys.stdout)
    else:
        text, code = f"{type(error).__name__}: {error}", 1
        traceback.print_exception(error, file=sys.stdout)
    failure_file.parent.mkdir(parents=True, exist_ok=True)
    failure_file.write_text(text[:FAILURE_CHARACTERS])
    return code
