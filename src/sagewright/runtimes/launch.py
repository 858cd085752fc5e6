"""What is started for a training job: the argv, and whether this machine can run the image at all."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import sagewright
from sagewright.runtimes.images import Image, ImageKind
from sagewright.runtimes.recipes import NoRecipe, recipe_for

_WHAT = {
    ImageKind.PROCESSING: "an image for processing jobs",
    ImageKind.INFERENCE: "an image that serves models",
    ImageKind.TOOL: "one of AWS's own tools",
}


class CannotRun(RuntimeError):
    """The image cannot be run here; the message names it and what is missing, and may be shown to the user."""


def sandbox_for(image: Image, setting: str) -> str:
    """The sandbox to choose: an image of one's own is run as what it is, whatever the setting."""
    return "container" if image.kind is ImageKind.OWN else setting


def has_environment(image: Image) -> bool:
    """Whether `image` stands for an environment that is made here; else it is pulled and brings all it needs."""
    return image.kind is not ImageKind.OWN


def check_runnable(image: Image) -> None:
    """Raises CannotRun if no training job can run on `image`."""
    if image.kind is ImageKind.OWN:
        return
    if image.kind not in {ImageKind.FRAMEWORK, ImageKind.ALGORITHM}:
        raise CannotRun(f"Cannot run the image {image.uri} for training: it is {_WHAT[image.kind]}.")
    if image.kind is ImageKind.ALGORITHM and not _is_built(image.framework):
        raise CannotRun(
            f"Cannot run the image {image.uri}: the built-in algorithm {image.framework} is not implemented yet."
        )
    try:
        recipe_for(image)
    except NoRecipe as error:
        raise CannotRun(f"Cannot run the image {image.uri}: {error}.") from error


def training_command(image: Image, request: dict[str, Any]) -> list[str]:
    """The argv of a CreateTrainingJob request, for the environment's bin first on PATH. Of an image of one's own: what
    follows its entry point (or the request's).

    ContainerEntrypoint and ContainerArguments count as given; an entrypoint alone gets no argument.
    """
    specification = request["AlgorithmSpecification"]
    entrypoint = list(specification.get("ContainerEntrypoint") or ())
    arguments = list(specification.get("ContainerArguments") or ())
    if image.kind is ImageKind.OWN:
        return arguments if entrypoint else arguments or ["train"]
    if entrypoint:
        return [*entrypoint, *arguments]
    return [*_entrypoint(image, request), *(arguments or ["train"])]


def is_script_mode(image: Image, request: dict[str, Any]) -> bool:
    """Whether the toolkit runs the user's script."""
    if image.kind is ImageKind.OWN or request["AlgorithmSpecification"].get("ContainerEntrypoint"):
        return False
    return image.kind is ImageKind.FRAMEWORK or "sagemaker_program" in (request.get("HyperParameters") or {})


def client_requirements(request: dict[str, Any]) -> str | None:
    """Text of a requirements.txt with what a remote function's entry point runs: the SDK, in the version of the client that
    sent the function. None for any other job."""
    arguments = list(request["AlgorithmSpecification"].get("ContainerArguments") or ())
    named = dict(pairwise(arguments)).get("--client_sagemaker_pysdk_version", "")
    return f"sagemaker=={named}\n" if re.fullmatch(r"[0-9][0-9A-Za-z.+!-]*", named) else None


def _entrypoint(image: Image, request: dict[str, Any]) -> list[str]:
    if is_script_mode(image, request):
        return ["python", "-m", "sagewright.toolkit"]
    return ["python", "-m", "sagewright.algorithms", image.repository]


def _is_built(algorithm: str) -> bool:
    package = Path(sagewright.__file__).parent / "algorithms"
    module = algorithm.replace("-", "_")
    return (package / module).is_dir() or (package / f"{module}.py").is_file()
