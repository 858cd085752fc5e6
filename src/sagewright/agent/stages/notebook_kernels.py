"""Kernels of a notebook server that run in environments of other images, beside its own.

A kernel that can't be made is reported in the log and left out: a notebook server without it is better than none.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sagewright.agent.errors import AlgorithmError
from sagewright.agent.inputs.code import named_requirements
from sagewright.agent.stages.context import HostContext
from sagewright.agent.stages.environment import JobEnvironment
from sagewright.jobfiles.directory import JobDirectory
from sagewright.model.jobs.brief import NotebookKernel
from sagewright.runtimes.environments import Environment, EnvironmentFailed
from sagewright.runtimes.images import resolve_image
from sagewright.runtimes.recipes import NoRecipe, variables_for
from sagewright.sandbox.base import Sandbox, SecondEnvironment

VARIABLE = "SAGEWRIGHT_KERNELS"
REQUIRED = "ipykernel"
PLACES = Path("/opt/kernels")
"""Directory of environments that can't be at their own path, where the same one has no layer."""
_MOST_BYTES = 256 * 1024


@dataclass(frozen=True)
class KernelEnvironments:
    """Environments of further kernels, and the notebook server's settings to start them."""

    found: tuple[tuple[NotebookKernel, SecondEnvironment], ...] = ()

    def beside(self) -> list[SecondEnvironment]:
        return list({one.place: one for _, one in self.found}.values())

    def variables(self) -> dict[str, str]:
        described = [
            {
                "name": kernel.name,
                "title": kernel.title,
                "program": kernel.program,
                "python": str(environment.place / "bin" / "python"),
                "environment": variables_for(resolve_image(kernel.image)),
            }
            for kernel, environment in self.found
        ]
        return {VARIABLE: json.dumps(described)} if described else {}


def kernel_environments(context: HostContext, making: JobEnvironment, sandbox: Sandbox) -> KernelEnvironments:
    """Returns the environments of the kernels that the brief names, with ipykernel. Raises JobStopped, JobGone."""
    found = []
    for kernel in context.host.brief.kernels:
        requirements = _requirements(context, kernel)
        if requirements is None:
            continue
        try:
            environment = _environment(context, making, kernel, requirements)
        except (EnvironmentFailed, NoRecipe, AlgorithmError) as error:
            context.reporter.log(f"The kernel {kernel.title!r} is left out: {str(error)[-1000:]}")
            continue
        moved = bool(environment.layers) and sandbox.declare()["layers"].given
        place = PLACES / kernel.name if moved and kernel.file else environment.path
        found.append((kernel, SecondEnvironment(environment.path, place, environment.layers)))
    return KernelEnvironments(tuple(found))


def _requirements(context: HostContext, kernel: NotebookKernel) -> str | None:
    """Returns what the kernel's file requires, "" if it has none; None if there is no such file, or nothing in it."""
    if not kernel.file:
        return ""
    text = _read(context, kernel.file)
    if text is None or not text.strip():
        return None
    requested = named_requirements(text) if len(text) < _MOST_BYTES else None
    if requested is None:
        context.reporter.log(
            f"The kernel {kernel.title!r} is left out: every line of {kernel.file} must name a package of an index, and the file "
            f"must be shorter than {_MOST_BYTES} bytes."
        )
    return requested


def _read(context: HostContext, name: str) -> str | None:
    """Returns the beginning of a regular file of the home, through no link."""
    for one in context.host.brief.inputs:
        if one.folder is None or not one.folder.counted:
            continue
        with (
            suppress(OSError, KeyError),
            JobDirectory.at(Path(context.host.file_systems[one.folder.file_system])) as top,
            top.below(one.folder.path.strip("/")) as home,
        ):
            return home.read(name, _MOST_BYTES).decode(errors="replace")
    return None


def _environment(
    context: HostContext, making: JobEnvironment, kernel: NotebookKernel, requirements: str
) -> Environment:
    image = resolve_image(kernel.image)
    with context.volume.making():
        environment = context.environments.ensure(image, context.say_status)
    ready = bool(kernel.program) or REQUIRED in environment.packages
    lines = requirements if ready else f"{REQUIRED}\n{requirements}"
    return making.layers.add(environment, lines) if lines else environment
