"""The life of one host, from its host file to its last report."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import sagewright
from sagewright.agent.cells.cell import Cell
from sagewright.agent.cells.isolated import IsolatedRun
from sagewright.agent.cells.kernels import Kernels
from sagewright.agent.cells.layers import Layers
from sagewright.agent.control import Control
from sagewright.agent.disk import Disk
from sagewright.agent.errors import ClientError, JobError, JobGone, JobStopped, TooLate, blamed_on_client
from sagewright.agent.following import Following
from sagewright.agent.hostfile import HostFile
from sagewright.agent.inputs.code import fetch_code
from sagewright.agent.inputs.datasets import check_queries, check_result, query_variables
from sagewright.agent.inputs.inputs import Inputs
from sagewright.agent.inputs.model_cache import ModelCache
from sagewright.agent.inputs.model_data import Archives, ModelData, UnpackingSandbox
from sagewright.agent.library import staged_library
from sagewright.agent.missing import advice
from sagewright.agent.optml import OptMl
from sagewright.agent.outputs.archives import DeliveryContext
from sagewright.agent.outputs.checkpoints import CheckpointMirror
from sagewright.agent.outputs.delivery import OutputDelivery
from sagewright.agent.parallel import for_each
from sagewright.agent.patience import HostPatience
from sagewright.agent.process.environ import environment_variables, job_environ
from sagewright.agent.process.memory import JobMemory, open_memory
from sagewright.agent.process.mpi_driver import REQUIREMENTS, stand_ins, uses_mpi_driver
from sagewright.agent.process.network import JobNetwork, open_network
from sagewright.agent.process.own_image import own_image
from sagewright.agent.process.process import (
    FAILED,
    GONE,
    Exit,
    ProcessLimits,
    Started,
    attend_process,
    end_left,
    start_process,
)
from sagewright.agent.process.share import HostShare
from sagewright.agent.process.volume import Volume
from sagewright.agent.process.warm_cache import WarmCache
from sagewright.agent.reports.logbook import LogBook
from sagewright.agent.reports.metrics import MetricScanner
from sagewright.agent.reports.report import Reporter
from sagewright.agent.s3 import JobS3
from sagewright.agent.transform.serving import PORT_VARIABLE, HealthWatch, Restarts, failed, listening_place
from sagewright.agent.transform.transforming import BatchTransform
from sagewright.agent.watchdog import SPARE_S, Watchdog, end_descendants
from sagewright.model.jobs.agent_marks import note_end
from sagewright.model.jobs.brief import Desired, EndCause, FaultClass, HealthCheck, Phase
from sagewright.model.jobs.serving_sockets import SOCKET, SOCKET_VARIABLE, note_port
from sagewright.runtimes.environments import (
    Environment,
    EnvironmentFailed,
    Environments,
    describe_choice,
)
from sagewright.runtimes.images import resolve_image
from sagewright.runtimes.launch import (
    CannotRun,
    check_runnable,
    client_requirements,
    command,
    has_environment,
    is_script_mode,
    query_requirements,
    sandbox_for,
    serving_requirements,
)
from sagewright.runtimes.recipes import variables_for
from sagewright.sandbox.base import Command, Launch, Sandbox, Unavailable, View, check_words, missing
from sagewright.sandbox.choose import choose_sandbox

_STOPPED = 143
_ASIDE_S = 5.0  # before the process there is little to wait for
_HELD_S = 0.05
"""Maximum time for which a job with a cell delays its reports until its process is started."""


class HostRun:
    """Runs one host. `control` carries external requests, `reporter` reports to the server."""

    def __init__(self, host: HostFile, control: Control, reporter: Reporter, cell: Cell | None = None) -> None:
        """`cell`: a cell that is already in the host's directory."""
        self._host = host
        self._control = control
        self._reporter = reporter
        control.deadline = self._deadline = time.monotonic() + host.max_runtime_s
        self._patience = HostPatience(control, host.stop_grace_s, lambda: reporter.away)
        self._watchdog = Watchdog(control, self._overdue_s, self._last_words)
        self._ml = OptMl(host.directory / "ml")
        self._downloads = JobS3(host, control.check)
        self._volume = Volume(host, control.fail)
        self._delivery = DeliveryContext(
            Disk(host.directory, host.disk_stop_mb),
            self._patience.check,
            self._patience.allow,
            self._volume.most_to_bring(),
            reporter.log,
        )
        self._warm_cache = WarmCache(host, self._ml)
        self._cell = cell
        self._share = HostShare(host, reporter.log, None if cell is None else cell.group)
        self._inputs = Inputs(host, self._ml, control, reporter.log, self._volume)
        self._checkpoints = CheckpointMirror(host, self._ml, self._delivery)
        self._delivering = OutputDelivery(host, self._ml, reporter, self._patience, self._delivery, self._end_processes)
        self._environments = Environments(host.environments, host.framework_versions)
        self._network = JobNetwork(host.addresses)
        self._memory = JobMemory()
        self._running = False
        self._limits = ProcessLimits(host.stop_grace_s, self._deadline, self._share.kill)
        closed = host.isolated and host.network == "own"  # otherwise a job without a network may still get packages
        self._isolated = IsolatedRun(host, control, self._install_wrapper, self._limits, not closed, reporter.log)
        self._layers = Layers(self._ml, self._environments, self._isolated, self._volume)
        archives = Archives(host, control, UnpackingSandbox(self._share.wrapper, self._limits))
        self._model_data = ModelData(host, archives)
        self._cache = (
            ModelCache(host.brief.models, host.directory, archives, reporter.log) if host.brief.models else None
        )
        self._views: list[View] = []
        self._health = None if host.brief.health is None else self._new_health(host.brief.health)
        self._transforming = (
            None if host.brief.transform is None else BatchTransform(host, host.brief.transform, control, reporter.log)
        )
        self._following = Following(host, control) if host.brief.follows else None
        self._image = resolve_image(host.brief.program.image)
        self._kernels = Kernels(self._environments, self._image, host.brief)

    def run(self) -> None:
        """Runs everything up to the last report accepted by the server. Never raises."""
        self._watchdog.start()
        try:
            self._run()
        except JobGone:
            pass
        except JobError as error:
            self._reporter.send(failed={"class": error.reason_class, "message": str(error)}, finished=True)
        except BaseException as error:
            traceback.print_exc(file=sys.stderr)
            message = f"{type(error).__name__}: {error}"
            self._reporter.send(failed={"class": FaultClass.INTERNAL, "message": message}, finished=True)
        self._end_processes()
        self._watchdog.close()
        self._reporter.finish()
        self._memory.close()
        self._network.close()  # the first host's last, since the others need it
        end_descendants()  # left by abandoned work

    def _end_processes(self) -> None:
        """Ends everything that was started for this host except its network; without a network, that is recorded. May be called
        again."""
        if self._cell is not None:
            self._cell.close()
        if self._cache is not None:
            self._cache.close()
        self._share.close()
        if not self._network.opened:
            end_left()
            note_end(self._host.directory, self._host.host_id)

    def _run(self) -> None:
        if self._cell is not None:
            self._reporter.hold(_HELD_S)
        self._reporter.send(phase=Phase.DOWNLOADING)
        try:
            ended = self._work()
        except JobStopped as stopped:
            ended = Exit(_STOPPED, stopped.cause)
        self._control.worked_at = time.monotonic()
        self._patience.begin()
        self._deliver(ended)

    def _over_reason(self) -> EndCause:
        """Returns the cause of an exit that only an external end of the job explains."""
        if self._reporter.desired == Desired.INTERRUPT:
            return EndCause.INTERRUPT
        return EndCause.STOP if self._control.stop else EndCause.MAX_RUNTIME

    def _overdue_s(self) -> float:
        """Returns for how long this agent has continued work that the job's end should have ended."""
        over = self._control.over_since()
        if self._patience.begun:
            return -self._patience.left_s()
        if over is None:
            return -1.0
        late = time.monotonic() - over - self._host.stop_grace_s
        return late if self._running else late + SPARE_S - _ASIDE_S

    def _last_words(self) -> None:
        ended = {"code": _STOPPED, "cause": self._over_reason(), "failure": None}
        self._reporter.send(exited=ended, finished=True)
        self._reporter.finish()

    def _work(self) -> Exit:
        sandbox = self._sandbox()
        given = sandbox.declare()
        possible = given["hosts_file"].given and given["joins_network"].given
        # Many containers listen on port 8080 regardless of configuration.
        isolated = self._health is not None and sandbox.name == "container" and given["own_ports"].given
        self._network = open_network(self._host, possible or isolated, self._control.check, isolated=isolated)
        if self._network.warning:
            self._host.warnings.append(self._network.warning)
        self._memory = (
            open_memory(self._host, given["shared_memory"].given, self._control.check)
            if self._cell is None
            else self._cell.memory(self._host)
        )
        environment = self._prepare(sandbox)
        self._control.check()
        return self._execute(sandbox, environment)

    def _sandbox(self) -> Sandbox:
        """Returns the sandbox; checks, before any download, that the job can run here at all. Raises ClientError."""
        try:
            check_runnable(self._image, self._host.brief.program.purpose)
            command(self._image, self._host.brief)
            self._inputs.check()
            check_queries(self._host, own_image=not has_environment(self._image))
            sandbox, reason = (
                choose_sandbox(sandbox_for(self._image, self._host.sandbox), self._host.directory)
                if self._cell is None
                else (self._cell.sandbox, "it was ready")
            )
        except (CannotRun, Unavailable) as error:
            raise ClientError(str(error)) from error
        lacking = missing(sandbox, self._needed())
        if lacking:
            raise ClientError(" ".join(lacking))
        if sandbox.name == "plain" and self._host.sandbox == "auto":
            self._host.warnings.append(f"The job runs without isolation: {reason}.")
        elif sandbox.name == "container" and not (root := sandbox.declare()["unprivileged"]).given:
            self._host.warnings.append(f"The container's root is this machine's: {root.reason}.")
        return sandbox

    def _needed(self) -> dict[str, str]:
        """Returns capabilities that this job requires."""
        needed = {}
        if self._host.isolated:
            needed["no_network"] = "Network isolation (EnableNetworkIsolation)"
        program = self._host.brief.program
        if any("/opt/ml" in word for word in [*program.entrypoint, *program.arguments]):
            needed["own_ml_root"] = "A ContainerEntrypoint with paths below /opt/ml"
        return needed

    def _prepare(self, sandbox: Sandbox) -> Environment | None:
        """Returns the environment (None: the image brings its own), and prepares all of /opt/ml, concurrently."""
        self._ml.make(self._host.brief.directories)
        self._ml.write_config(self._host, self._network.interface)
        self._warm_cache.bring()
        self._volume.start()
        made: list[Environment | None] = []
        steps = [lambda: made.append(self._make_environment()), lambda: self._fetch_files(sandbox)]
        if (
            self._cell is not None and self._environments.ready(self._image) is not None
        ):  # starting a thread takes longer than that
            steps.pop(0)()
            if not self._fetches():
                steps.pop(0)()
        for_each(steps, lambda step: step(), self._control.check, max(1, len(steps)))
        own = made[0].path if made[0] is not None else Path(sys.prefix)
        self._views = self._model_data.prepare(sandbox, self._ml.root, own)
        if self._cache is not None:
            self._cache.open(sandbox.ml_root(self._host.directory), own)
        return self._with_client(made[0])

    def _fetches(self) -> bool:
        """True if anything must be fetched, which may take long or fail."""
        brief = self._host.brief
        return (
            is_script_mode(self._image, brief) or bool(brief.inputs or brief.queries) or brief.checkpoints is not None
        )

    def _make_environment(self) -> Environment | None:
        if not has_environment(self._image):
            self._reporter.log(f"Image {self._image.uri}: a container of its own.")
            self._log_warnings()
            return None
        try:
            with self._volume.making() if self._environments.ready(self._image) is None else nullcontext():
                environment = self._environments.ensure(self._image, self._say_status)
        except EnvironmentFailed as error:
            raise ClientError(f"No environment can be made for the image {self._image.uri}: {error}") from error
        self._reporter.log(describe_choice(self._image, environment) + self._share.not_held())
        self._log_warnings()
        return environment

    def _log_warnings(self) -> None:
        for warning in self._host.warnings:
            self._reporter.log(warning)

    def _say_status(self, message: str) -> None:
        """Reports a message in the job's status: the first line of its log is reserved for what it runs on."""
        self._reporter.send(phase=Phase.DOWNLOADING, message=message)

    def _fetch_files(self, sandbox: Sandbox) -> None:
        if is_script_mode(self._image, self._host.brief):
            self._layers.offer(sandbox)
            fetch_code(self._host, self._ml, self._downloads, self._control.check)
        self._inputs.prepare(sandbox, stands=self._cell is not None)
        self._checkpoints.fetch(self._control.check, lambda size: self._volume.claim(size, elsewhere=False))

    def _with_client(self, environment: Environment | None) -> Environment | None:
        """Adds programs beside the user's code: SDK v3's MPI driver, a remote function's client, a model's server."""
        if environment is None:
            return None
        self._kernels.make(environment, self._isolated)
        if uses_mpi_driver(self._host):
            return self._layers.add(environment, REQUIREMENTS)
        brief = self._host.brief
        client = client_requirements(brief.program) or query_requirements(brief)
        requirements = client or serving_requirements(brief, environment.packages)
        return environment if requirements is None else self._layers.add(environment, requirements)

    def _execute(self, sandbox: Sandbox, environment: Environment | None) -> Exit:
        if self._following is not None:
            self._following.start()
        book = LogBook(
            self._reporter, MetricScanner(self._host.brief.metrics), self._host.log_limit_mb, self._volume.logged
        )
        try:
            with self._inputs.feeding():
                ended = self._run_processes(sandbox, environment, book)
        finally:
            for one in (self._transforming, self._following):
                if one is not None:
                    one.close()
            self._volume.close()
            book.close()
            self._share.tell()
            self._warm_cache.keep()
            sandbox.close(self._host.directory)
        if ended.code and environment is not None and (said := advice(self._image, book.last)) is not None:
            self._reporter.log(said)
        if ended.code:
            check_result(self._host, self._ml)
        if ended.cause == FAILED and self._control.failure is not None:
            self._patience.begin()
            with suppress(TooLate):
                self._checkpoints.finish()
            raise self._control.failure
        return ended

    def _run_processes(self, sandbox: Sandbox, environment: Environment | None, book: LogBook) -> Exit:
        """Runs the job's process; again on another environment if it requests one; a serving process until it is asked to end."""
        restarts = Restarts(self._control, self._reporter.log)
        while True:
            ended = self._run_process(sandbox, environment, book)
            if self._control.done and ended.cause == EndCause.EXIT:
                return Exit(0, EndCause.EXIT)
            if environment is not None and (requested := self._layers.requested(ended)) is not None:
                end_left()  # left of its sandbox: the next one mounts the same directories
                environment = self._layers.install(environment, requested)
                continue
            if self._health is None or ended.cause != EndCause.EXIT:
                return ended
            if not self._health.ever:
                return failed(ended)
            end_left()
            restarts.wait(ended, steady=self._health.steady())

    def _new_health(self, requested: HealthCheck) -> HealthWatch:
        return HealthWatch(self._host.directory, requested, self._control, self._well)

    def _well(self) -> None:
        """Handles the server's first successful health check."""
        self._reporter.send(phase=Phase.RUNNING)
        if self._transforming is not None:
            self._transforming.start()

    def _run_process(self, sandbox: Sandbox, environment: Environment | None, book: LogBook) -> Exit:
        """Runs the job's process once."""
        with self._inputs.mounted() as mounts:
            start = self._start_of(sandbox, replace(self._launch(environment, sandbox), mounts=mounts))
            if not self._running:
                self._running = True
                self._volume.begin()
                self._checkpoints.start()
                self._delivering.start()
                if self._health is None:
                    self._reporter.send(phase=Phase.RUNNING)
            started = start()
            self._reporter.release()
            with nullcontext() if self._health is None else self._health.watching(started):
                return attend_process(started, self._control, self._limits, book)

    def _start_of(self, sandbox: Sandbox, launch: Launch) -> Callable[[], Started]:
        """Returns the function that starts the process: in the cell the first time, if it fits the launch; otherwise in a new
        sandbox."""
        cell = self._cell
        if cell is not None and cell.is_whole() and cell.kind.fits(launch):
            with blamed_on_client():
                check_words(launch)
            self._share.limit()

            def enter() -> Started:
                try:
                    return cell.enter(launch, own_variables=bool(self._host.brief.environment))
                except ConnectionError:  # it was just killed
                    cell.close()
                    return start_process(self._command(sandbox, launch))

            return enter
        if cell is not None:
            cell.close()
        command = self._command(sandbox, launch)
        return lambda: start_process(command)

    def _command(self, sandbox: Sandbox, launch: Launch) -> Command:
        with blamed_on_client():
            made = sandbox.command(launch)
        return replace(made, wrapper=[*self._share.wrapper(), *self._network.enter, *made.wrapper])

    def _install_wrapper(self) -> list[str]:
        """Returns the command prefix for installing packages: in the job's share, and in its network if that leads outside."""
        return [*self._share.wrapper(), *([] if self._host.isolated else self._network.enter)]

    def _launch(self, environment: Environment | None, sandbox: Sandbox) -> Launch:
        sources = self._environments.sources
        defaults = environment_variables(self._host, sources) | variables_for(self._image) if environment else {}
        return Launch(
            argv=command(self._image, self._host.brief),
            directory=self._host.directory,
            environ=job_environ(self._host, defaults | self._kernels.variables(environment, sandbox))
            | self._layers.variables()
            | query_variables(self._host)
            | self._serving_variables(sandbox),
            host=self._host.host,
            addresses=self._network.addresses,
            library=staged_library(Path(sagewright.__file__).parent, self._host.environments),
            environment=environment.path if environment else Path(),
            network=self._network.own or not self._host.isolated,
            network_namespace=self._network.namespace if sandbox.name == "container" else "",
            readable=sources.local_paths() if environment else [],
            views=[*self._inputs.views, *self._views],
            image=own_image(self._host, self._say_status),
            memory=self._memory.descriptor,
            programs=self._stand_ins(sandbox) if environment else None,
            layers=list(environment.layers) if environment else [],
        )

    def _serving_variables(self, sandbox: Sandbox) -> dict[str, str]:
        """Returns the variables with the listening address of the built-in model server."""
        if self._health is None:
            return {}
        if has_environment(self._image):
            return {SOCKET_VARIABLE: str(sandbox.ml_root(self._host.directory) / SOCKET)}
        listening = listening_place(self._network.namespace)
        note_port(self._host.directory, listening)
        return {PORT_VARIABLE: str(listening.port)}

    def _stand_ins(self, sandbox: Sandbox) -> Path | None:
        return stand_ins(self._host, sandbox, self._network.own) if uses_mpi_driver(self._host) else None

    def _deliver(self, ended: Exit) -> None:
        """Reports the exit and uploads the job's outputs to S3."""
        if ended.cause == GONE:
            raise JobGone
        if ended.cause == EndCause.STOP and self._reporter.ask() == Desired.INTERRUPT:
            ended = Exit(ended.code, EndCause.INTERRUPT)  # the job goes on elsewhere, from its checkpoints
        exited: dict[str, Any] = {
            "code": ended.code,
            "cause": ended.cause,
            "failure": self._ml.failure(),
        } | self._note()
        try:
            self._checkpoints.finish()
            self._delivering.bring(ended, exited)
        except TooLate:
            self._reporter.log(
                "The job is over, and so is the time for uploading its outputs to S3: the rest is not uploaded."
            )
            if ended.cause == EndCause.EXIT and ended.code == 0:
                exited["cause"] = self._over_reason()
            self._reporter.send(exited=exited, finished=True)

    def _note(self) -> dict[str, str]:
        """Returns the message that the process left, if any. Raises ClientError if it is not text."""
        place = self._host.brief.note
        try:
            text = self._ml.note(place, self._host.brief.note_bytes) if place else None
        except UnicodeDecodeError as error:
            raise ClientError(f"The exit message in /opt/ml/{place} is not UTF-8: {error}") from error
        return {"message": text} if text else {}
