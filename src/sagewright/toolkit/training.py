"""A job in script mode, from inside: fetches its code, installs its requirements, runs its script."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from sagewright.toolkit.config import JobConfig, script_arguments
from sagewright.toolkit.errors import FrameworkError, ToolkitError, UserScriptError
from sagewright.toolkit.launchers import (
    command_of,
    is_command,
    is_package,
    leads_mpi,
    mpi_environ,
    serves_mpi,
    variables_of,
)
from sagewright.toolkit.process import run
from sagewright.toolkit.requirements import (
    ASK,
    RequirementsRequested,
    ask_for_requirements,
    install,
    install_requirements,
)


def train(root: Path) -> int:
    """Runs the job's script; returns the exit status of the job. `root` is /opt/ml or its substitute."""
    output = root / "output"
    try:
        _run_script(JobConfig(root, os.environ))
    except RequirementsRequested:
        return ASK
    except ToolkitError as error:
        return _failed(output, error.failure(), error.exit_code)
    except Exception:
        import traceback  # here and below: rarely needed imports are deferred, for a start in milliseconds

        return _failed(output, f"Framework Error: \n{traceback.format_exc()}", 1)
    (output / "success").touch()
    _say("Reporting training SUCCESS")
    return 0


def _run_script(config: JobConfig) -> None:
    _bring_code(config)
    ask_for_requirements(config.root, config.code)
    arguments = script_arguments(config.hyperparameters)
    command = command_of(config, arguments)
    environ = {**os.environ, **config.variables(arguments), **variables_of(config)}
    environ["PYTHONPATH"] = ":".join(part for part in (str(config.code), environ.get("PYTHONPATH", "")) if part)
    _install(config)
    if serves_mpi(config):
        _serve(config, environ)
        return
    if leads_mpi(config):
        environ.update(mpi_environ(config))
    shown = " ".join(command)
    _say(f"Invoking script with the following command:\n\n{shown}\n\n")
    try:
        code, tail = run(command, str(config.code), environ)
    except OSError as error:
        raise FrameworkError(f"The command {shown} cannot be started: {error}") from error
    if leads_mpi(config):
        _release(config)
    if code != 0:
        raise UserScriptError("ExecuteUserScriptError", code, tail, command)


def _serve(config: JobConfig, environ: dict[str, str]) -> None:
    """Runs a host whose processes mpirun starts from the first one."""
    import signal
    import socket

    from sagewright.toolkit.remote import WorkerHost, secret_of

    first = config.distribution_hosts[0]
    _say(f"{first} starts this host's processes")
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
    WorkerHost(socket.gethostbyname(config.host), secret_of(os.environ), str(config.code), environ).serve()


def _release(config: JobConfig) -> None:
    from sagewright.toolkit.remote import say_done, secret_of

    for host in config.distribution_hosts[1:]:
        try:
            say_done(host, secret_of(os.environ))
        except OSError as error:
            raise FrameworkError(f"{host} could not be informed that the program has ended: {error}") from error


def _bring_code(config: JobConfig) -> None:
    """Unpacks the code from the agent; else takes it from a channel, packed or as a directory."""
    given = str(config.reserved.get("sagemaker_submit_directory") or "")
    source = Path(given[len("file://") :] if given.startswith("file://") else given)
    if config.archive.is_file() or (given and source.is_file()):
        from sagewright.toolkit.code import unpack_code

        unpack_code(config, config.archive if config.archive.is_file() else source)
        config.archive.unlink(missing_ok=True)
    elif given and source.is_dir() and source != config.code:
        import shutil

        shutil.copytree(str(source), str(config.code), dirs_exist_ok=True)
    if is_command(config) and (config.code / config.program).is_file():
        (config.code / config.program).chmod(0o755)


def _install(config: JobConfig) -> None:
    """Installs the requirements that the agent has not already put into the environment."""
    install_requirements(config.code)
    if is_package(config):
        install(config.code, ["--no-build-isolation", "."], "InstallModuleError")


def _failed(output: Path, failure: str, code: int) -> int:
    output.mkdir(parents=True, exist_ok=True)
    (output / "failure").write_text(failure)
    _say("Reporting training FAILURE")
    _say(failure)
    return code


def _say(text: str) -> None:
    now = time.time()
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now))
    print(f"{stamp},{int(now * 1000) % 1000:03d} sagewright-toolkit INFO     {text}", flush=True)


def main(words: list[str]) -> int:
    """Returns the exit status. `words`: the arguments of `python -m sagewright.toolkit`."""
    root = Path(os.environ.get("SAGEWRIGHT_ML_ROOT", "/opt/ml"))
    if words[:1] == ["serve"]:
        from sagewright.toolkit.servecommand import serve

        return serve(root, "".join(words[1:2]))
    if words[:1] == ["query"]:
        from sagewright.toolkit.queries import main as query

        return query(words[1:])
    if words != ["train"]:
        sys.exit(f"usage: python -m sagewright.toolkit train|serve [FRAMEWORK]|query PROGRAM (given: {words})")
    return train(root)
