"""Preparation of everything that must exist before the process starts: environment, code, inputs, checkpoints and models."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from sagewright.agent.inputs.code import fetch_code, is_quick
from sagewright.agent.inputs.inputs import Inputs
from sagewright.agent.inputs.model_cache import ModelCache
from sagewright.agent.inputs.model_data import Archives, ModelData, UnpackingSandbox
from sagewright.agent.outputs.checkpoints import CheckpointMirror
from sagewright.agent.parallel import for_each
from sagewright.agent.process.warm_cache import WarmCache
from sagewright.agent.s3 import JobS3
from sagewright.agent.stages.admission import AdmittedHost
from sagewright.agent.stages.context import HostContext
from sagewright.agent.stages.environment import JobEnvironment
from sagewright.agent.stages.notebook_kernels import KernelEnvironments, kernel_environments
from sagewright.runtimes.environments import Environment
from sagewright.runtimes.launch import is_script_mode, submitted_code
from sagewright.sandbox.base import Sandbox, View


@dataclass(frozen=True)
class PreparedHost:
    """A host whose process can start. `environment`: None if the image brings its own; `views`: of inputs and models, for the
    sandbox; `made`: what made the environment, and can change it; `kernels`: environments of further kernels."""

    environment: Environment | None
    views: list[View]
    inputs: Inputs
    made: JobEnvironment
    warm_cache: WarmCache
    kernels: KernelEnvironments


class Preparation:
    """The second stage of one host. `close` ends what serves its process."""

    def __init__(self, context: HostContext, checkpoints: CheckpointMirror) -> None:
        host, log = context.host, context.reporter.log
        self._context, self._checkpoints = context, checkpoints
        self._downloads = JobS3(host, context.control.check)
        self._inputs = Inputs(host, context.ml, context.control, log, context.volume)
        self._warm_cache = WarmCache(host, context.ml)
        archives = Archives(host, context.control, UnpackingSandbox(context.share.wrapper, context.limits))
        self._model_data = ModelData(host, archives)
        self._cache = ModelCache(host.brief.models, host.directory, archives, log) if host.brief.models else None

    def prepare(self, admitted: AdmittedHost) -> PreparedHost:
        """Prepares the environment and all of /opt/ml, concurrently. Raises ClientError, JobStopped, JobGone."""
        context, sandbox = self._context, admitted.sandbox
        making = JobEnvironment(context, admitted.network)
        context.ml.make(context.host.brief.directories)
        context.ml.write_config(context.host, admitted.network.interface)
        self._warm_cache.bring()
        context.volume.start()
        made: list[Environment | None] = []
        steps = [lambda: made.append(making.ensure()), lambda: self._fetch_files(sandbox, making)]
        if (
            context.cell is not None and context.environments.ready(context.image) is not None
        ):  # starting a thread takes longer than that
            steps.pop(0)()
            if not self._fetches():
                steps.pop(0)()
        for_each(steps, lambda step: step(), context.control.check, max(1, len(steps)))
        environment = made[0]
        own = environment.path if environment is not None else Path(sys.prefix)
        views = [*self._inputs.views, *self._model_data.prepare(sandbox, context.ml.root, own)]
        if self._cache is not None:
            self._cache.open(sandbox.ml_root(context.host.directory), own)
        if environment is not None:
            environment = making.with_client(environment)
        kernels = kernel_environments(context, making, sandbox)
        return PreparedHost(environment, views, self._inputs, making, self._warm_cache, kernels)

    def close(self) -> None:
        if self._cache is not None:
            self._cache.close()

    def _fetches(self) -> bool:
        """True if anything must be fetched, which may take long or fail."""
        brief = self._context.host.brief
        return (
            (bool(submitted_code(self._context.image, brief)) and not is_quick(self._context.host))
            or bool(brief.inputs or brief.queries)
            or brief.checkpoints is not None
        )

    def _fetch_files(self, sandbox: Sandbox, making: JobEnvironment) -> None:
        context = self._context
        check = context.control.check
        if is_script_mode(context.image, context.host.brief):
            making.layers.offer(sandbox)
            fetch_code(context.host, context.ml, self._downloads, check)
        self._inputs.prepare(sandbox, stands=context.cell is not None)
        self._checkpoints.fetch(check, lambda size: context.volume.claim(size, elsewhere=False))
