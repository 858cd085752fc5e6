"""Kernels of a notebook server that run in environments of other images, beside its own.

A kernel that can't be made is reported in the log and left out: a notebook server without it is better than none.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from sagewright.agent.stages.context import HostContext
from sagewright.agent.stages.environment import JobEnvironment
from sagewright.model.jobs.brief import NotebookKernel
from sagewright.runtimes.environments import Environment, EnvironmentFailed
from sagewright.runtimes.images import resolve_image
from sagewright.runtimes.recipes import NoRecipe, variables_for
from sagewright.sandbox.base import SecondEnvironment

VARIABLE = "SAGEWRIGHT_KERNELS"
REQUIRED = "ipykernel"


@dataclass(frozen=True)
class KernelEnvironments:
    """Environments of further kernels, and what the notebook server needs to start them."""

    found: tuple[tuple[NotebookKernel, Environment], ...] = ()

    def beside(self) -> list[SecondEnvironment]:
        return [
            SecondEnvironment(path, layers) for path, layers in {one.path: one.layers for _, one in self.found}.items()
        ]

    def variables(self) -> dict[str, str]:
        described = [
            {
                "name": kernel.name,
                "title": kernel.title,
                "python": str(environment.path / "bin" / "python"),
                "environment": variables_for(resolve_image(kernel.image)),
            }
            for kernel, environment in self.found
        ]
        return {VARIABLE: json.dumps(described)} if described else {}


def kernel_environments(context: HostContext, making: JobEnvironment) -> KernelEnvironments:
    """Returns the environments of the kernels that the brief names, with ipykernel. Raises JobStopped, JobGone."""
    found: dict[str, tuple[NotebookKernel, Environment]] = {}
    for kernel in context.host.brief.kernels:
        try:
            environment = _environment(context, making, kernel)
        except (EnvironmentFailed, NoRecipe) as error:
            context.reporter.log(f"The kernel {kernel.title!r} is left out: {str(error)[-1000:]}")
            continue
        if any(environment.path == other.path and environment.layers != other.layers for _, other in found.values()):
            context.reporter.log(
                f"The kernel {kernel.title!r} is left out: another one has its environment, with other packages."
            )
            continue
        found[kernel.name] = kernel, environment
    return KernelEnvironments(tuple(found.values()))


def _environment(context: HostContext, making: JobEnvironment, kernel: NotebookKernel) -> Environment:
    image = resolve_image(kernel.image)
    with context.volume.making():
        environment = context.environments.ensure(image, context.say_status)
    wanted = kernel.requirements if REQUIRED in environment.packages else f"{REQUIRED}\n{kernel.requirements}"
    return making.layers.add(environment, wanted) if wanted else environment
