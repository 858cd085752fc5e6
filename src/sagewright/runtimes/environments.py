"""Virtual environments for jobs: made by uv once for each (framework, version, Python, requirements), then shared.

An environment is complete when its manifest exists, which is written once everything is installed; an interrupted build leaves none
and is repeated. Builders of one environment, in any process, take turns. A complete one is used without any network access.
Bytecode comes last: without it modules are compiled on each import, so jobs can start before it is there.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import sagewright
from sagewright.runtimes.bytecode import KEPT, compile_packages
from sagewright.runtimes.images import Image
from sagewright.runtimes.index_faults import index_fault
from sagewright.runtimes.npmpackages import NpmPackage, npm_packages, npm_registry
from sagewright.runtimes.pipconfig import PipSources, pip_sources
from sagewright.runtimes.recipes import Recipe, recipe_for
from sagewright.runtimes.spark import SparkFailed, finish_spark
from sagewright.runtimes.uv import cache_variables, uv_program

MANIFEST = "sagewright-environment.json"
LAYERS = "layers"
"""Directory, in that of the environments, of packages that are shown over those of an environment."""
_COMPILED = "lib/sagewright-compiled"
"""File of an environment whose packages have their bytecode. Not in its top directory, whose time says whether the environment has
changed."""
_TURN_S = 0.05
_MOST_LINES = 1000
"""Maximum number of the installer's last lines in an error."""
_SILENCE_S = "20"
"""Seconds for which an index may stay silent; uv tries four times."""
_DOWNLOADS = re.compile(r" *Download(ing|ed) ")

# Dependencies that are useful only on a GPU, and take hundreds of MB; they are omitted elsewhere.
_GPU_ONLY = ("nvidia-nccl-cu12", "nvidia-nccl-cu13")


class EnvironmentFailed(RuntimeError):
    """An environment could not be built; the message ends with the installer's output."""


class RequirementsFailed(EnvironmentFailed):
    """The user's requirements.txt could not be installed."""


@dataclass(frozen=True)
class Environment:
    """A complete environment. `packages`: version by distribution name (as PEP 503 normalises it); `python`: "3.11.7"; `layers`:
    directories whose files are shown over its own."""

    path: Path
    python: str
    packages: dict[str, str]
    layers: tuple[Path, ...] = ()


@dataclass(frozen=True)
class _Spec:
    key: str
    python: str  # argument of `uv venv --python`
    requirements: tuple[str, ...]
    overridden: bool = False  # by a requirements.txt, which may have installed other versions


class Environments:
    """The cache in `directory`. `policy` is the setting framework_versions: nearest or exact. `follow` gets each line of the
    installer's output. `compiles`: False if the caller calls `compile` for what `ensure` has built.
    """

    def __init__(
        self,
        directory: Path,
        policy: str = "nearest",
        sources: PipSources | None = None,
        follow: Callable[[str], None] = lambda _line: None,
        *,
        compiles: bool = True,
    ) -> None:
        self.directory = directory.absolute()
        self.policy = policy
        self.sources = pip_sources() if sources is None else sources
        self._follow, self._compiles = follow, compiles

    def ensure(self, image: Image, say: Callable[[str], None] = lambda _line: None) -> Environment:
        """Returns the environment for `image`, building it if needed (`say` gets a line for the job's log).

        Raises NoRecipe, EnvironmentFailed.
        """
        made = self.ready(image)
        if made is not None:
            return made
        spec = self._specs(image)[-1]
        return self._made(spec, lambda place: self._install(place, spec.requirements), say)

    def ready(self, image: Image) -> Environment | None:
        """Returns the result of `ensure` for `image` if nothing needs to be built for it. Raises NoRecipe."""
        return next(filter(None, (self._complete(spec) for spec in self._specs(image))), None)

    def is_compiled(self, environment: Environment) -> bool:
        """Returns True if the packages have their bytecode."""
        return (environment.path / _COMPILED).exists()

    def compile(self, environment: Environment) -> None:
        """Makes the bytecode of the packages, unless it is there. Jobs may be running in the environment."""
        if self.is_compiled(environment):
            return
        with self.locked(environment.path.name):
            if not self.is_compiled(environment):
                self._compile(environment.path)

    def key_of(self, image: Image) -> str:
        """Returns the name of the environment that `ensure` builds for `image`. Raises NoRecipe."""
        return self._specs(image)[-1].key

    def _specs(self, image: Image) -> list[_Spec]:
        """Returns possible environments for `image`, the best first; the last is built if none exists."""
        recipe = recipe_for(image)
        exact = _exact(recipe, image)
        return [exact] if self.policy == "exact" else [exact, _near(recipe, image)]

    def with_requirements(
        self, base: Environment, requirements: str, say: Callable[[str], None] = lambda _line: None
    ) -> Environment:
        """Returns an environment with everything in `base` and the requirements on top, as pip would leave it.

        Raises RequirementsFailed.
        """
        digest = hashlib.sha256(requirements.encode()).hexdigest()[:16]
        pins = tuple(f"{name}=={version}" for name, version in sorted(base.packages.items()) if name != "pip")
        spec = _Spec(f"{base.path.name}-r{digest}", _python_of(base.path), pins, overridden=True)

        def install(place: Path) -> None:
            self.compile(base)  # which is then linked
            self._install(place, pins, exact=True)
            file = place / "requirements.txt"
            file.write_text(requirements)
            try:
                self._install(place, ("-r", str(file)))
            except EnvironmentFailed as error:
                raise RequirementsFailed(str(error)) from error
            for package in npm_packages(requirements):
                _add_npm_files(place, package)

        return self._made(spec, install, say)

    def with_packages(
        self, name: str, requirements: tuple[str, ...], say: Callable[[str], None] = lambda _line: None
    ) -> Environment:
        """Returns the environment `name` of this Python with the requirements, for programs that are not jobs.

        Raises EnvironmentFailed.
        """
        spec = _Spec(f"{name}-py{platform.python_version()}", sys.executable, requirements)
        return self._made(spec, lambda place: self._install(place, requirements), say)

    def _complete(self, spec: _Spec) -> Environment | None:
        """Returns the existing environment, if it has everything in the current recipe: an older release may have built it."""
        state = self._state(spec.key)
        with suppress(FileNotFoundError):
            return None if state is None else _complete(spec, self.directory / spec.key, state)
        return None

    def _standing(self, key: str) -> Environment | None:
        state = self._state(key)
        with suppress(FileNotFoundError):
            return None if state is None else _standing(self.directory / key, state)
        return None

    def _state(self, key: str) -> tuple[int, int] | None:
        """Returns what is different after the environment's manifest was replaced; None if there is none."""
        try:
            found = os.stat(f"{self.directory}/{key}/{MANIFEST}")  # noqa: PTH116 - a Path costs more than the call
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns

    def _made(self, spec: _Spec, install: Callable[[Path], None], say: Callable[[str], None]) -> Environment:
        made = self._complete(spec)
        if made is not None:
            return made
        with self.locked(spec.key):
            made = self._complete(spec)
            if made is None:
                say(f"Preparing the environment {spec.key}; it is kept for later jobs.")
                standing = self._standing(spec.key)
                made = self._build(spec, install) if standing is None else self._extend(spec, standing)
                if self._compiles:
                    self._compile(made.path)
        return made

    def _extend(self, spec: _Spec, standing: Environment) -> Environment:
        """Installs missing packages; jobs may be running in the environment."""
        (standing.path / _COMPILED).unlink(missing_ok=True)
        self._install(standing.path, _lacking(spec, standing))
        return self._noted(spec.key, standing.path, _packages(standing.path))

    def _build(self, spec: _Spec, install: Callable[[Path], None]) -> Environment:
        place = self.directory / spec.key
        shutil.rmtree(place, ignore_errors=True)
        self._uv("venv", "--seed", "--no-project", "--python", spec.python, *self._index(), str(place))
        try:
            install(place)
            packages = _packages(place)
            if "pyspark" in packages:
                _finish_spark(place)
            (_site_packages(place) / KEPT).mkdir(exist_ok=True)  # later it would change the time of its directory
            return self._noted(spec.key, place, packages)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise

    def _compile(self, place: Path) -> None:
        version = _version_of(place)
        others = (manifest.parent for manifest in self.directory.glob(f"*/{MANIFEST}"))
        compile_packages(
            _site_packages(place), [_site_packages(each) for each in others if _version_of(each) == version]
        )
        (place / _COMPILED).touch()

    def _noted(self, key: str, place: Path, packages: dict[str, str]) -> Environment:
        """Returns the environment after writing its manifest, which makes it complete."""
        python = _version_of(place)
        partial = place / (MANIFEST + ".part")
        partial.write_text(json.dumps({"key": key, "python": python, "packages": packages}))
        partial.rename(place / MANIFEST)
        return Environment(place, python, packages)

    def _install(self, place: Path, requirements: Sequence[str], *, exact: bool = False) -> None:
        """Installs into the environment at `place`. `exact`: True if every version is given and nothing needs resolving."""
        if not requirements:
            return None
        attempts = self.installs(place, requirements, exact=exact, compiled=False)
        for arguments in attempts[:-1]:
            try:
                return self._uv(*arguments)
            except EnvironmentFailed:
                continue
        return self._uv(*attempts[-1])

    def installs(
        self, place: Path, requirements: Sequence[str], *, exact: bool = False, compiled: bool = True
    ) -> list[list[str]]:
        """Returns the arguments of uv that install into the environment at `place`, to be tried in turn until one works.

        `exact`: True if every version is given and nothing needs resolving. `compiled`: with bytecode.
        """
        options = ["--python", str(place / "bin" / "python"), *self.sources.uv_options()]
        if compiled:
            options.append("--compile-bytecode")
        if exact:
            options.append("--no-deps")
        if not has_gpu():
            options += ["--overrides", str(self.overrides())]
        requested, attempts = self._without_cuda(list(requirements))
        return [["pip", "install", *options, *more, *requested] for more in attempts]

    def _without_cuda(self, requested: list[str]) -> tuple[list[str], list[list[str]]]:
        """Prefers, on a machine without a GPU, the local CPU wheels of torch, then PyTorch's CPU index, then any."""
        if has_gpu():
            return requested, [[]]
        pinned = [self._local_cpu_wheel(requirement) for requirement in requested]
        if pinned != requested or not any(
            requirement.startswith(("torch", "-r", "accelerate")) for requirement in requested
        ):
            return pinned, [[]]
        if self.sources.local_wheels("torch"):
            return requested, [[]]
        return requested, [["--torch-backend", "cpu"], []]

    def _local_cpu_wheel(self, requirement: str) -> str:
        if requirement not in {"torch", "torchvision", "torchaudio"}:
            return requirement
        tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
        versions = [
            wheel.name.split("-")[1] for wheel in self.sources.local_wheels(requirement) if f"-{tag}-" in wheel.name
        ]
        cpu = [version for version in versions if version.endswith("+cpu")]
        return f"{requirement}=={cpu[-1]}" if cpu else requirement

    def overrides(self) -> Path:
        """Returns a file of overrides that exclude GPU packages."""
        file = self.directory / ".without-gpu.txt"
        if not file.exists():
            file.write_text("".join(f"{name}; sys_platform == 'never'\n" for name in _GPU_ONLY))
        return file

    def _index(self) -> list[str]:
        """Returns the options with which `uv venv` finds the seed packages; it supports no constraints."""
        options = self.sources.uv_options()
        return [
            part
            for name, value in zip(options[::2], options[1::2], strict=False)
            if name in {"--find-links", "--default-index", "--index"}
            for part in (name, value)
        ]

    def _uv(self, *arguments: str) -> None:
        environ = os.environ | cache_variables(self.directory, os.environ)
        environ.pop("VIRTUAL_ENV", None)
        environ.setdefault("UV_HTTP_TIMEOUT", _SILENCE_S)
        if self.sources.certificates:
            environ.setdefault("SSL_CERT_FILE", self.sources.certificates)
        said: deque[str] = deque(maxlen=_MOST_LINES)
        with subprocess.Popen(
            [str(uv_program()), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environ,
            cwd="/",  # so that a project around the cache has no influence
            encoding="utf-8",
            errors="replace",
        ) as process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    said.append(line)
                    self._follow(line)
            except BaseException:
                process.kill()
                raise
        if process.returncode != 0:
            text = "".join(line for line in said if not _DOWNLOADS.match(line)).strip()
            if fault := index_fault(text):
                raise EnvironmentFailed(fault)
            raise EnvironmentFailed(f"uv {arguments[0]} failed: {text[-2000:]}")

    @contextmanager
    def locked(self, key: str, wait: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Holds the lock of an environment's builder. `wait` is called periodically until it is acquired, and raises to give up."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with (self.directory / f".{key}.lock").open("w") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    wait()
                    time.sleep(_TURN_S)
            yield


@lru_cache(64)
def _standing(place: Path, state: tuple[int, int]) -> Environment:  # noqa: ARG001 - it belongs to the key
    manifest = json.loads((place / MANIFEST).read_bytes())
    return Environment(place, manifest["python"], manifest["packages"])


@lru_cache(64)
def _complete(spec: _Spec, place: Path, state: tuple[int, int]) -> Environment | None:
    """Returns the environment if it has everything that the specification requires. A fork server reads it once, for all of its
    agents."""
    standing = _standing(place, state)
    return None if _lacking(spec, standing) else standing


def _add_npm_files(place: Path, package: NpmPackage) -> None:
    """Raises RequirementsFailed."""
    program = str(Path(sagewright.__file__).parent / "toolkit" / "npmfiles.py")
    command = [str(place / "bin" / "python"), "-I", program, *package.arguments(npm_registry())]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, cwd="/")
    if done.returncode:
        raise RequirementsFailed(done.stderr.strip()[-2000:])


def _finish_spark(place: Path) -> None:
    try:
        finish_spark(place, _site_packages(place))
    except SparkFailed as error:
        raise EnvironmentFailed(str(error)) from error


def has_gpu() -> bool:
    """True if the machine has an NVIDIA GPU that its driver reports."""
    return any(device.name[6:].isdigit() for device in Path("/dev").glob("nvidia[0-9]*"))


def describe_choice(image: Image, environment: Environment) -> str:
    """Returns the first line of a job's log: the image's request and the environment it runs on."""
    recipe = recipe_for(image)
    versions = {
        name.lower().replace("_", "-"): version.partition("+")[0] for name, version in environment.packages.items()
    }
    shown = [f"{name} {versions[name]}" for name in recipe.show if name in versions]
    runs = ", ".join([*shown, f"Python {environment.python}"])
    requested = f"Image {image.repository} {image.version or image.tag or 'latest'}"
    requested += f" (py{image.python.replace('.', '')})" if image.python else ""
    same_main = not recipe.main or _same(image.version, versions.get(recipe.main, ""))
    same_python = (
        not image.python or environment.python == image.python or environment.python.startswith(image.python + ".")
    )
    return f"{requested}: running on {runs}" + ("." if same_main and same_python else ", the nearest on this machine.")


def _same(requested: str, given: str) -> bool:
    base = requested.partition("-")[0]
    return bool(base) and (given == base or given.startswith(base + "."))


def _exact(recipe: Recipe, image: Image) -> _Spec:
    if recipe.untagged:
        return _near(recipe, image)
    version = f"{image.base_version}-" * bool(image.base_version) + (image.version or "any")
    python = image.python if "." in image.python else sys.executable
    label = image.python if "." in image.python else platform.python_version()
    return _Spec(f"{recipe.name}-{version}-py{label}", python, recipe.exact(image))


def _near(recipe: Recipe, image: Image) -> _Spec:
    word, packages = recipe.nearest(image)
    return _Spec(f"{recipe.name}-{word}-py{platform.python_version()}", sys.executable, packages)


def _lacking(spec: _Spec, environment: Environment) -> list[str]:
    """Returns the requirements that are missing or installed in a version they exclude."""
    return [one for one in spec.requirements if not _holds(one, environment.packages, spec.overridden)]


def _holds(requirement: str, packages: dict[str, str], any_version: bool) -> bool:
    from packaging.requirements import (
        Requirement,  # takes as long to import as ten modules, and few jobs name a requirement
    )

    read = Requirement(requirement)
    installed = packages.get(_normal(read.name))
    return installed is not None and (any_version or read.specifier.contains(installed, prereleases=True))


def _python_of(place: Path) -> str:
    return str((place / "bin" / "python").resolve())


def _site_packages(place: Path) -> Path:
    return next(place.glob("lib/python3*/site-packages"))


def _packages(place: Path) -> dict[str, str]:
    """Returns the versions of the distributions, from the names of their directories. Source: PyPA, "Installed projects"."""
    found = (directory.name.removesuffix(".dist-info") for directory in _site_packages(place).glob("*.dist-info"))
    return {_normal(name): version for name, _, version in (one.partition("-") for one in found)}


def _normal(name: str) -> str:
    """Returns a distribution's name as PEP 503 normalises it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _version_of(place: Path) -> str:
    lines = (place / "pyvenv.cfg").read_text().splitlines()
    return next(line.partition("=")[2].strip() for line in lines if line.startswith("version"))
