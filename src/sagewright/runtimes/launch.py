"""What is started for a job: the argv, and whether this machine can run the image at all."""

from __future__ import annotations

import re
from itertools import pairwise

from sagewright.algorithms import catalogue
from sagewright.model.brief import Brief, Program, Purpose
from sagewright.runtimes.images import Image, ImageKind
from sagewright.runtimes.recipes import NoRecipe, recipe_for

_WHAT = {
    ImageKind.PROCESSING: "an image for processing jobs",
    ImageKind.INFERENCE: "an image that serves models",
    ImageKind.TOOL: "one of AWS's own tools",
}


_DOING = {Purpose.TRAIN: "training", Purpose.PROCESS: "processing"}
_RUNNABLE = {
    Purpose.TRAIN: {ImageKind.FRAMEWORK, ImageKind.ALGORITHM},
    Purpose.PROCESS: {ImageKind.FRAMEWORK, ImageKind.ALGORITHM, ImageKind.PROCESSING},
}


class CannotRun(RuntimeError):
    """The image cannot be run here; the message names it and what is missing, and may be shown to the user."""


def sandbox_for(image: Image, setting: str) -> str:
    """The sandbox to choose: an image of one's own is run as what it is, whatever the setting."""
    return "container" if image.kind is ImageKind.OWN else setting


def has_environment(image: Image) -> bool:
    """Whether `image` stands for an environment that is made here; else it is pulled and brings all it needs."""
    return image.kind is not ImageKind.OWN


def check_runnable(image: Image, purpose: str) -> None:
    """Raises CannotRun if no job of that purpose can run on `image`."""
    if image.kind is ImageKind.OWN:
        return
    if image.kind not in _RUNNABLE[Purpose(purpose)]:
        raise CannotRun(f"Cannot run the image {image.uri} for {_DOING[Purpose(purpose)]}: it is {_WHAT[image.kind]}.")
    if purpose == Purpose.TRAIN and image.kind is ImageKind.ALGORITHM and catalogue.find(image.repository) is None:
        raise CannotRun(
            f"Cannot run the image {image.uri}: the built-in algorithm {image.framework} is not implemented yet."
        )
    try:
        recipe_for(image)
    except NoRecipe as error:
        raise CannotRun(f"Cannot run the image {image.uri}: {error}.") from error


def command(image: Image, brief: Brief) -> list[str]:
    """The argv of a job, for the environment's bin first on PATH. Of a custom image: what follows its entry point (or the
    request's).

    The request's entry point and arguments count as given; an entry point alone gets no argument. Raises CannotRun.
    """
    program = brief.program
    if image.kind is ImageKind.OWN:
        default = ["train"] if program.purpose == Purpose.TRAIN else []
        return program.arguments if program.entrypoint else program.arguments or default
    if program.entrypoint:
        return [*program.entrypoint, *program.arguments]
    if program.purpose == Purpose.PROCESS:
        return [*_processing_entrypoint(image), *program.arguments]
    return [*_entrypoint(image, brief), *(program.arguments or ["train"])]


def is_script_mode(image: Image, brief: Brief) -> bool:
    """Whether the toolkit runs the user's script."""
    program = brief.program
    if image.kind is ImageKind.OWN or program.entrypoint or program.purpose != Purpose.TRAIN:
        return False
    return image.kind is ImageKind.FRAMEWORK or "sagemaker_program" in brief.hyperparameters


def client_requirements(program: Program) -> str | None:
    """Text of a requirements.txt with what a remote function's entry point runs: the SDK, in the version of the client that
    sent the function. None for any other job."""
    named = dict(pairwise(program.arguments)).get("--client_sagemaker_pysdk_version", "")
    return f"sagemaker=={named}\n" if re.fullmatch(r"[0-9][0-9A-Za-z.+!-]*", named) else None


def _entrypoint(image: Image, brief: Brief) -> list[str]:
    if is_script_mode(image, brief):
        return ["python", "-m", "sagewright.toolkit"]
    return ["python", "-m", "sagewright.algorithms", image.repository]


def _processing_entrypoint(image: Image) -> list[str]:
    if image.framework == "spark":
        return ["smspark-submit"]
    raise CannotRun(
        f"Cannot run the image {image.uri} for processing without a ContainerEntrypoint: it has none of its own here."
    )
