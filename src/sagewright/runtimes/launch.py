"""The command of a job, and whether this machine can run the image at all."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from itertools import pairwise

from sagewright.algorithms.schema import catalogue
from sagewright.model.jobs.brief import Brief, Program, Purpose
from sagewright.runtimes.images import Image, ImageKind
from sagewright.runtimes.recipes import ENGINES, SERVING, NoRecipe, recipe_for

_WHAT = {
    ImageKind.PROCESSING: "an image for processing jobs",
    ImageKind.INFERENCE: "an image that serves models",
    ImageKind.TOOL: "one of AWS's own tools",
}


_DOING = {Purpose.TRAIN: "training", Purpose.PROCESS: "processing", Purpose.SERVE: "serving"}
_RUNNABLE = {
    Purpose.TRAIN: {ImageKind.FRAMEWORK, ImageKind.ALGORITHM},
    Purpose.PROCESS: {ImageKind.FRAMEWORK, ImageKind.ALGORITHM, ImageKind.PROCESSING},
    Purpose.SERVE: {ImageKind.FRAMEWORK, ImageKind.ALGORITHM, ImageKind.INFERENCE},
}
_OF_ITS_OWN = {Purpose.TRAIN: ["train"], Purpose.PROCESS: [], Purpose.SERVE: ["serve"]}
"""Arguments of a custom image if the request gives none."""
_ALWAYS_SCRIPTS = {
    Purpose.TRAIN: {ImageKind.FRAMEWORK},
    Purpose.SERVE: {ImageKind.FRAMEWORK, ImageKind.INFERENCE},
}


_MAY_BE_SCRIPTED = "sagemaker-xgboost"
"""The only image of an algorithm with a script mode: the older `xgboost` has none, and requests for one have no effect there."""
_QUERIES_FIRST = ("python", "-m", "sagewright.toolkit", "query")
_PROCESSING_PROGRAMS = {
    "sagemaker-spark-processing": ("smspark-submit",),
    "sagemaker-clarify-processing": ("python", "-m", "sagewright.clarify"),
    "sagemaker-data-wrangler-container": ("python", "-m", "sagewright.wrangler"),
    "sagemaker-model-monitor-analyzer": ("python", "-m", "sagewright.monitor"),
    "sagemaker-model-monitor-groundtruth-merger": ("python", "-m", "sagewright.monitor"),
}
"""The program of an image of AWS's for processing jobs, where the request names none."""
_SERVING_PROGRAMS = {"sagemaker-data-wrangler-container": ("python", "-m", "sagewright.wrangler", "serve")}
"""The program of an image for processing jobs that serves too."""
PYSPARK_STEPS = "SAGEWRIGHT_WRANGLER_PYSPARK"
"""Variable of a Data Wrangler job: "1" if its flow has steps of PySpark."""
EXPLAINER = ("python", "-m", "sagewright.clarify", "serve")
"""The program that explains an endpoint's predictions."""
_NOTEBOOK_DRIVER = "amazon_sagemaker_scheduler"


class CannotRun(RuntimeError):
    """The image cannot be run here; the message names it and what is missing, and may be shown to the user."""


def sandbox_for(image: Image, setting: str) -> str:
    """Returns the sandbox setting: a custom image always runs in a container."""
    return "container" if image.kind is ImageKind.OWN else setting


def has_environment(image: Image) -> bool:
    """True if `image` stands for an environment that is built here; otherwise it is pulled and brings all it needs."""
    return image.kind is not ImageKind.OWN


def check_runnable(image: Image, purpose: str) -> None:
    """Raises CannotRun if no job with that purpose can run on `image`."""
    if image.kind is ImageKind.OWN:
        return
    if purpose == Purpose.SERVE and image.repository in _SERVING_PROGRAMS:
        return
    if image.kind not in _RUNNABLE[Purpose(purpose)]:
        raise CannotRun(f"Cannot run the image {image.uri} for {_DOING[Purpose(purpose)]}: it is {_WHAT[image.kind]}.")
    if purpose != Purpose.PROCESS and image.kind is ImageKind.ALGORITHM:
        _check_algorithm(image, purpose)
    try:
        recipe_for(image)
    except NoRecipe as error:
        raise CannotRun(f"Cannot run the image {image.uri}: {error}.") from error


def _check_algorithm(image: Image, purpose: str) -> None:
    declaration = catalogue.find(image.repository)
    assert declaration is not None  # a test checks that each has one
    if purpose == Purpose.SERVE and declaration.serve is None:
        raise CannotRun(
            f"Cannot run the image {image.uri}: the built-in algorithm {image.framework} can't serve a model."
        )


def command(image: Image, brief: Brief) -> list[str]:
    """Returns the argv of a job, for the environment's bin first on PATH. For a custom image: the arguments of its entry point (or
    of the request's).

    The request's entry point and arguments are used as given; an entry point without arguments gets none. Raises CannotRun.
    """
    words = _words(image, brief)
    return [*_QUERIES_FIRST, *words] if brief.queries else words


def _words(image: Image, brief: Brief) -> list[str]:
    program = brief.program
    if image.kind is ImageKind.OWN:
        return program.arguments if program.entrypoint else program.arguments or _OF_ITS_OWN[Purpose(program.purpose)]
    if program.entrypoint:
        return [*program.entrypoint, *program.arguments]
    if program.purpose == Purpose.SERVE and image.repository in _SERVING_PROGRAMS:
        return list(_SERVING_PROGRAMS[image.repository])
    if program.purpose == Purpose.PROCESS:
        return [*_processing_entrypoint(image), *program.arguments]
    if program.purpose == Purpose.SERVE and is_script_mode(image, brief):
        return [*_entrypoint(image, brief), "serve", image.framework]
    return [*_entrypoint(image, brief), *(program.arguments or [program.purpose])]


def is_script_mode(image: Image, brief: Brief) -> bool:
    """True if the toolkit runs the user's script."""
    program = brief.program
    always = _ALWAYS_SCRIPTS.get(Purpose(program.purpose))
    if image.kind is ImageKind.OWN or program.entrypoint or always is None:
        return False
    if image.kind is ImageKind.ALGORITHM and image.repository != _MAY_BE_SCRIPTED:
        return False
    named = brief.environment if program.purpose == Purpose.SERVE else brief.hyperparameters
    return image.kind in always or any(name.lower() == "sagemaker_program" for name in named)


def submitted_code(image: Image, brief: Brief) -> str:
    """Returns the S3 URI of the archive with the user's code for the toolkit, which the hyperparameter (for a model: the variable)
    names; "" if it names none in S3."""
    if not is_script_mode(image, brief):
        return ""
    given = (
        brief.environment.get("SAGEMAKER_SUBMIT_DIRECTORY", "")
        if brief.program.purpose == Purpose.SERVE
        else _decoded(brief.hyperparameters.get("sagemaker_submit_directory", ""))
    )
    return given if given.startswith(("s3://", "https://")) else ""


def _decoded(value: str) -> str:
    """Returns a hyperparameter's string: SDK v2 encodes it as JSON, other clients send it as is."""
    try:
        decoded = json.loads(value)
    except ValueError:
        return value
    return decoded if isinstance(decoded, str) else value


def serving_requirements(brief: Brief, packages: Collection[str]) -> str | None:
    """Returns a requirements.txt with the model server's packages that an older environment lacks, one built before they were in
    the recipes. `packages`: the names of the installed packages."""
    serves = brief.program.purpose == Purpose.SERVE or tuple(brief.program.entrypoint) == EXPLAINER
    if not serves or all(name in packages for name in SERVING):
        return None
    return "".join(f"{name}\n" for name in SERVING)


def query_requirements(brief: Brief) -> str | None:
    """Returns a requirements.txt with the query engine for a job with queries, and with Spark for a flow of Data Wrangler with
    PySpark steps; None for any other job."""
    engine = "duckdb>=1.2\nsqlglot>=26\n" if brief.queries else ""
    spark = "pyspark\njdk4py\n" if brief.environment.get(PYSPARK_STEPS) == "1" else ""
    return engine + spark or None


def engine_requirements(image: Image) -> str | None:
    """Returns a requirements.txt with the engine of a server of language models; None for any other image. JumpStart's entries
    (`catalogue/families/generation.toml`) have the same lines, and so the same layer."""
    return "transformers==4.57.6\ntokenizers==0.22.2\nsentencepiece==0.2.1\n" if image.framework in ENGINES else None


def client_requirements(program: Program) -> str | None:
    """Returns a requirements.txt with programs of an entry point that AWS's images contain and environments here do not. For a
    remote function: the SDK, in the version of the client that sent the function. For a notebook job: AWS's driver, and the kernel.
    None for any other job."""
    if program.entrypoint[:1] == [_NOTEBOOK_DRIVER]:
        return "sagemaker-headless-execution-driver\nipykernel\n"
    named = dict(pairwise(program.arguments)).get("--client_sagemaker_pysdk_version", "")
    return f"sagemaker=={named}\n" if re.fullmatch(r"[0-9][0-9A-Za-z.+!-]*", named) else None


def _entrypoint(image: Image, brief: Brief) -> list[str]:
    if not is_script_mode(image, brief):
        named = f"{image.repository}:{image.version}" if image.version else image.repository
        return ["python", "-m", "sagewright.algorithms", named]
    return ["python", "-m", "sagewright.toolkit"]


def rehearsal(image: Image, brief: Brief) -> list[str] | None:
    """Returns the argv that compiles the code that the job would compile; None if there is none."""
    declaration = catalogue.find(image.repository) if image.kind is ImageKind.ALGORITHM else None
    if declaration is None or declaration.kernels is None or brief.program.entrypoint or is_script_mode(image, brief):
        return None
    given = {name: brief.hyperparameters.get(name) for name in declaration.kernels.by}
    if None in given.values():
        return None
    return [*_entrypoint(image, brief), "kernels", *(f"{name}={value}" for name, value in given.items())]


def imported_ahead(image: Image, brief: Brief) -> tuple[str, ...]:
    """Returns the modules that a process can import before it receives this job: those of a built-in algorithm's training."""
    declaration = catalogue.find(image.repository) if image.kind is ImageKind.ALGORITHM else None
    program = brief.program
    if declaration is None or program.purpose != Purpose.TRAIN or program.entrypoint or is_script_mode(image, brief):
        return ()
    return "sagewright.algorithms.run", declaration.train.partition(":")[0]


def _processing_entrypoint(image: Image) -> list[str]:
    if image.repository in _PROCESSING_PROGRAMS:
        return list(_PROCESSING_PROGRAMS[image.repository])
    raise CannotRun(
        f"Cannot run the image {image.uri} for processing without a ContainerEntrypoint: it has no default."
    )
