"""Commands at a terminal: `jobs list` over 10,000 jobs, and the build of PyTorch's environment from a warm cache of packages.

The first row is what a reader waits for: from exec until the first line of data. The peers list what they have: Podman 100
containers, the AWS CLI the same jobs of the same server. An environment is built with the network switched off (UV_OFFLINE), so
every package comes from the cache that servers, demo and bench share; uv gets the same requirements, with and without bytecode.
Jobs can start in an environment before its bytecode is made.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import listing
import peers
from rows import Row, against, median, spread
from server import CACHE, SAGEWRIGHT, Sagewright, running, scratch

from sagewright.runtimes.environments import MANIFEST, Environments
from sagewright.runtimes.images import resolve_image
from sagewright.runtimes.recipes import recipe_for
from sagewright.runtimes.uv import uv_program

SECTION = "r"
JOBS, CONTAINERS = 10_000, 100
TURNS, BUILDS = 9, 2
IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.5.1-cpu-py311"
AWS = CACHE / "clients/aws-cli/bin/aws"


def measure() -> list[Row]:
    with scratch() as directory:
        return [*_lists(directory), *_builds(directory)]


def _lists(directory: Path) -> list[Row]:
    listing.fill(directory / "data", JOBS)
    podman, said = _podman(directory / "podman")
    try:
        return _listed(directory, podman, said)
    finally:  # its storage is a mount
        subprocess.run(["umount", str(directory / "podman/root/overlay")], check=False, capture_output=True)


def _listed(directory: Path, podman: list[str], said: str) -> list[Row]:
    """`podman`: the command, or [] for the reason `said`."""
    with running(Sagewright(directory / "data")) as server:
        assert isinstance(server, Sagewright)
        key, secret = server.key()
        access = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_DEFAULT_REGION": "us-east-1"}
        own = [str(SAGEWRIGHT), "jobs", "list", "--data", str(server.data)]
        aws = [str(AWS), "--endpoint-url", server.endpoint, "sagemaker", "list-training-jobs", "--output", "text"]
        asked: dict[str, Callable[[], float]] = {
            "own": lambda: _first_row(own, 2),
            "aws": lambda: _first_row([*aws, "--max-items", "20"], 1, access),
            "all": lambda: _first_row(aws, 1, access),
        }
        if podman:
            asked["podman"] = lambda: _first_row([*podman, "ps", "-a"], 2)
        times: dict[str, list[float]] = {name: [] for name in asked}
        for _turn in range(TURNS):  # in turns, so that a busy moment of the machine is everyone's
            for name, ask in asked.items():
                times[name].append(ask())
    row = Row(
        SECTION, "jobs list, 10,000 jobs: exec → first row", median(times["own"]), "ms",
        said or "podman ps -a, 100 containers", median(times["podman"]) if podman else None,
        "the start of Python and the imports of the command", spread(times["own"], "ms"),
    )  # fmt: skip
    return [
        row,
        against(row, "aws sagemaker list-training-jobs --max-items 20", median(times["aws"])),
        against(row, "aws sagemaker list-training-jobs (all of them)", median(times["all"])),
    ]


def _first_row(command: list[str], line: int, environ: Mapping[str, str] | None = None) -> float:
    """Milliseconds from exec until the line of that number, from 1, of the output. The command is then ended."""
    begin = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, **(environ or {})}
    ) as process:
        assert process.stdout is not None
        read = [process.stdout.readline() for _ in range(line)]
        taken = 1000 * (time.perf_counter() - begin)
        process.kill()
    if not read[-1].strip():
        raise RuntimeError(f"{command[0]} listed nothing")
    return taken


def _podman(directory: Path) -> tuple[list[str], str]:
    """The command of a Podman with 100 containers of its own, or [] and the reason."""
    podman, busybox = shutil.which("podman"), shutil.which("busybox")
    if podman is None or busybox is None:
        return [], "podman and busybox are not installed"
    directory.mkdir()
    shutil.copy(busybox, directory / "busybox")
    (directory / "Containerfile").write_text('FROM scratch\nCOPY busybox /busybox\nCMD ["/busybox", "true"]\n')
    own = [podman, f"--root={directory}/root", f"--runroot={directory}/run", "--runtime=runc"]
    try:
        subprocess.run([*own, "build", "-q", "-t", "localhost/listed", str(directory)], check=True, capture_output=True)
        for _ in range(CONTAINERS):
            subprocess.run(
                [*own, "create", "-q", "--network=none", "localhost/listed"], check=True, capture_output=True
            )
    except subprocess.CalledProcessError as error:
        return [], f"podman: {error.stderr.decode(errors='replace').strip()[-100:]}"
    return own, ""


def _builds(directory: Path) -> list[Row]:
    image = resolve_image(IMAGE)
    Environments(directory / "warm").ensure(image)  # the only build that may download
    requirements = recipe_for(image).nearest(image)[1]
    times: dict[str, list[float]] = {"ready": [], "finished": [], "compiled": [], "bare": []}
    for turn in range(TURNS):
        place = directory / f"turn-{turn}"
        times["ready"].append(_built(place / "own", until_ready=True))
        times["bare"].append(_seconds(_by_uv(place / "bare", requirements, compiled=False)))
        shutil.rmtree(place)
    for turn in range(BUILDS):
        place = directory / f"compiled-{turn}"
        times["finished"].append(_built(place / "own", until_ready=False))
        times["compiled"].append(_seconds(_by_uv(place / "compiled", requirements, compiled=True)))
        shutil.rmtree(place)
    return [
        Row(
            SECTION, "environment of PyTorch, warm cache, offline, until a job can start", median(times["ready"]), "s",
            "uv venv, uv pip install without bytecode", median(times["bare"]),
            "linking 3 GB of files", spread(times["ready"], "s"),
        ),
        Row(
            SECTION, "the same with its bytecode", median(times["finished"]), "s",
            "uv venv, uv pip install --compile-bytecode", median(times["compiled"]),
            "Python that compiles the files", spread(times["finished"], "s"),
        ),
    ]  # fmt: skip


def _built(place: Path, *, until_ready: bool) -> float:
    """Seconds until the server's builder has an environment in which jobs can start, which ends it, or until it is done."""
    place.mkdir(parents=True)
    program = [str(Path(SAGEWRIGHT).with_name("python")), "-m", "sagewright.runtimes.building"]
    begin = time.perf_counter()
    environ = {**os.environ, "UV_OFFLINE": "1"}
    with subprocess.Popen(
        [*program, str(place), "nearest", IMAGE],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ, start_new_session=True,
    ) as process:  # fmt: skip
        while process.poll() is None:
            if until_ready and any(place.glob(f"*/{MANIFEST}")):
                taken = time.perf_counter() - begin
                os.killpg(process.pid, signal.SIGKILL)
                return taken
            time.sleep(0.02)
        assert process.stdout is not None
        if process.returncode or not any(place.glob(f"*/{MANIFEST}")):
            raise peers.NoPeer(process.stdout.read().decode()[-400:])
    return time.perf_counter() - begin


def _by_uv(place: Path, requirements: tuple[str, ...], *, compiled: bool) -> list[list[str]]:
    """The commands of uv that build the same."""
    environments = Environments(place.parent)
    place.parent.mkdir(parents=True, exist_ok=True)
    links = [part for link in environments.sources.find_links for part in ("--find-links", link)]
    install = environments.installs(place, requirements, compiled=compiled)[0]
    uv = str(uv_program())
    python = str(Path(SAGEWRIGHT).with_name("python"))
    return [[uv, "venv", "--seed", "--no-project", "--python", python, *links, str(place)], [uv, *install]]


def _seconds(commands: list[list[str]], environ: Mapping[str, str] | None = None) -> float:
    begin = time.perf_counter()
    for command in commands:
        done = subprocess.run(
            command,
            env={**os.environ, "UV_OFFLINE": "1", **(environ or {})},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise peers.NoPeer(f"{' '.join(command[:4])}: {(done.stderr or done.stdout)[-400:]}")
    return time.perf_counter() - begin
