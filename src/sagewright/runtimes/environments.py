"""Virtual environments for jobs: made by uv once for each (framework, version, Python, requirements), then shared.

An environment is complete when its manifest exists, which is written last; a build that was cut off leaves none and is
made again. Builders of one environment, in any process, take turns. A complete one is used without any network.
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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from sagewright.runtimes.bytecode import compile_packages
from sagewright.runtimes.images import Image
from sagewright.runtimes.pipconfig import PipSources, pip_sources
from sagewright.runtimes.recipes import Recipe, recipe_for
from sagewright.runtimes.spark import SparkFailed, finish_spark

MANIFEST = "sagewright-environment.json"
_TURN_S = 0.05

# Dependencies that are of use on a GPU alone, and weigh hundreds of MB; elsewhere they are left out.
_GPU_ONLY = ("nvidia-nccl-cu12", "nvidia-nccl-cu13")


class EnvironmentFailed(RuntimeError):
    """An environment could not be made; the message ends with what the installer said."""


class RequirementsFailed(EnvironmentFailed):
    """The user's requirements.txt could not be installed."""


@dataclass(frozen=True)
class Environment:
    """A complete environment. `packages`: version by distribution name (as PEP 503 normalises it); `python`: "3.11.7";
    `layers`: directories whose files are to be seen over its own."""

    path: Path
    python: str
    packages: dict[str, str]
    layers: tuple[Path, ...] = ()


@dataclass(frozen=True)
class _Spec:
    key: str
    python: str  # what `uv venv --python` takes
    requirements: tuple[str, ...]
    overridden: bool = False  # by a requirements.txt, which may have put other versions there


class Environments:
    """The cache in `directory`. `policy` is the setting framework_versions: nearest or exact."""

    def __init__(self, directory: Path, policy: str = "nearest", sources: PipSources | None = None) -> None:
        self.directory = directory.absolute()
        self.policy = policy
        self.sources = pip_sources() if sources is None else sources

    def ensure(self, image: Image, say: Callable[[str], None] = lambda _line: None) -> Environment:
        """The environment for `image`; made now if it is not there (`say` gets a line for the job's log).

        Raises NoRecipe, EnvironmentFailed.
        """
        made = self.ready(image)
        if made is not None:
            return made
        spec = self._specs(image)[-1]
        return self._made(spec, lambda place: self._install(place, spec.requirements), say)

    def ready(self, image: Image) -> Environment | None:
        """What `ensure` gives for `image` if nothing has to be made for it. Raises NoRecipe."""
        return next(filter(None, (self._complete(spec) for spec in self._specs(image))), None)

    def key_of(self, image: Image) -> str:
        """The name of what `ensure` makes for `image`. Raises NoRecipe."""
        return self._specs(image)[-1].key

    def _specs(self, image: Image) -> list[_Spec]:
        """What may stand for `image`, the best first; the last is made if there is none."""
        recipe = recipe_for(image)
        exact = _exact(recipe, image)
        return [exact] if self.policy == "exact" else [exact, _near(recipe, image)]

    def with_requirements(
        self, base: Environment, requirements: str, say: Callable[[str], None] = lambda _line: None
    ) -> Environment:
        """An environment with all that `base` has and what the text of a requirements.txt asks for on top, as pip would
        leave it.

        Raises RequirementsFailed.
        """
        digest = hashlib.sha256(requirements.encode()).hexdigest()[:16]
        pins = tuple(f"{name}=={version}" for name, version in sorted(base.packages.items()) if name != "pip")
        spec = _Spec(f"{base.path.name}-r{digest}", _python_of(base.path), pins, overridden=True)

        def install(place: Path) -> None:
            self._install(place, pins, exact=True)
            file = place / "requirements.txt"
            file.write_text(requirements)
            try:
                self._install(place, ("-r", str(file)))
            except EnvironmentFailed as error:
                raise RequirementsFailed(str(error)) from error

        return self._made(spec, install, say)

    def _complete(self, spec: _Spec) -> Environment | None:
        """What stands, if it has all that the recipe has today: an older release may have made it."""
        standing = self._standing(spec.key)
        return None if standing is None or _lacking(spec, standing) else standing

    def _standing(self, key: str) -> Environment | None:
        place = self.directory / key
        try:
            manifest = json.loads((place / MANIFEST).read_bytes())
        except FileNotFoundError:
            return None
        return Environment(place, manifest["python"], manifest["packages"])

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
        return made

    def _extend(self, spec: _Spec, standing: Environment) -> Environment:
        """Install what it lacks: jobs may run in it."""
        self._install(standing.path, _lacking(spec, standing))
        self._compile(standing.path)
        return self._noted(spec.key, standing.path, _packages(standing.path))

    def _build(self, spec: _Spec, install: Callable[[Path], None]) -> Environment:
        place = self.directory / spec.key
        shutil.rmtree(place, ignore_errors=True)
        self._uv("venv", "--seed", "--no-project", "--python", spec.python, *self._index(), str(place))
        try:
            install(place)
            self._compile(place)
            packages = _packages(place)
            if "pyspark" in packages:
                _finish_spark(place)
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

    def _noted(self, key: str, place: Path, packages: dict[str, str]) -> Environment:
        """The environment with its manifest, which is written last."""
        python = _version_of(place)
        partial = place / (MANIFEST + ".part")
        partial.write_text(json.dumps({"key": key, "python": python, "packages": packages}))
        partial.rename(place / MANIFEST)
        return Environment(place, python, packages)

    def _install(self, place: Path, requirements: Sequence[str], *, exact: bool = False) -> None:
        """Install into the environment at `place`. `exact`: every version is given, nothing is to be resolved."""
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
        """The arguments of uv that install into the environment at `place`, to be tried in turn until one works.

        `exact`: every version is given, nothing is to be resolved. `compiled`: with bytecode.
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
        """On a machine without a GPU: the local CPU wheels of torch, else PyTorch's CPU index, else whatever there is."""
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
        """A file that keeps packages for GPUs out."""
        file = self.directory / ".without-gpu.txt"
        if not file.exists():
            file.write_text("".join(f"{name}; sys_platform == 'never'\n" for name in _GPU_ONLY))
        return file

    def _index(self) -> list[str]:
        """What `uv venv` needs to find the seed packages; it knows no constraints."""
        options = self.sources.uv_options()
        return [
            part
            for name, value in zip(options[::2], options[1::2], strict=False)
            if name in {"--find-links", "--default-index", "--index"}
            for part in (name, value)
        ]

    def _uv(self, *arguments: str) -> None:
        environ = {**os.environ, "UV_NO_PROGRESS": "1", "UV_LINK_MODE": _link_mode(self.directory)}
        environ.pop("VIRTUAL_ENV", None)
        if self.sources.certificates:
            environ.setdefault("SSL_CERT_FILE", self.sources.certificates)
        done = subprocess.run(
            [sys.executable, "-m", "uv", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environ,
            cwd="/",  # so that no project around the cache has a say
            check=False,
        )
        if done.returncode != 0:
            said = done.stdout.decode(errors="replace").strip()
            raise EnvironmentFailed(f"uv {arguments[0]} failed: {said[-2000:]}")

    @contextmanager
    def locked(self, key: str, wait: Callable[[], None] = lambda: None) -> Iterator[None]:
        """The turn of one builder. `wait` is called now and then until it comes, and raises to give up."""
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


def _finish_spark(place: Path) -> None:
    try:
        finish_spark(place, _site_packages(place))
    except SparkFailed as error:
        raise EnvironmentFailed(str(error)) from error


def has_gpu() -> bool:
    """Whether the machine has an NVIDIA GPU that its driver shows."""
    return any(device.name[6:].isdigit() for device in Path("/dev").glob("nvidia[0-9]*"))


def describe_choice(image: Image, environment: Environment) -> str:
    """The first line of a job's log: what the image asked for and what it runs on."""
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
    """The requirements of which no version is there, or another one than they allow."""
    return [one for one in spec.requirements if not _holds(one, environment.packages, spec.overridden)]


def _holds(requirement: str, packages: dict[str, str], any_version: bool) -> bool:
    read = Requirement(requirement)
    installed = packages.get(_normal(read.name))
    return installed is not None and (any_version or read.specifier.contains(installed, prereleases=True))


def _python_of(place: Path) -> str:
    return str((place / "bin" / "python").resolve())


def _site_packages(place: Path) -> Path:
    return next(place.glob("lib/python3*/site-packages"))


def _packages(place: Path) -> dict[str, str]:
    found = metadata.distributions(path=[str(_site_packages(place))])
    return {_normal(distribution.metadata["Name"]): distribution.version for distribution in found}


def _normal(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _version_of(place: Path) -> str:
    lines = (place / "pyvenv.cfg").read_text().splitlines()
    return next(line.partition("=")[2].strip() for line in lines if line.startswith("version"))


def _link_mode(directory: Path) -> str:
    """Hard links where uv's cache is on the same file system: fast, and without a warning where it is not."""
    cache = Path(os.environ.get("UV_CACHE_DIR") or Path.home() / ".cache" / "uv")
    same = cache.exists() and cache.stat().st_dev == directory.stat().st_dev
    return "hardlink" if same else "copy"
