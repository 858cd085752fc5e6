"""The processing job as its program sees it.

Source: the notebooks that Data Wrangler exports, and the contract of processing containers (/opt/ml/config).
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sagewright.wrangler.errors import FlowError

ROOT_VARIABLE = "SAGEWRIGHT_ML_ROOT"
FLOW_INPUT = "flow"
SHARDED = "ShardedByS3Key"
_OPTIONS = ("output-config", "refit-trained-params", "parameter-override")


@dataclass(frozen=True)
class FlowJobOutput:
    """An output of the job: the node and port that its name gives, and the local folder."""

    name: str
    folder: Path

    @property
    def node_id(self) -> str:
        return self.name.rpartition(".")[0] or self.name

    @property
    def port(self) -> str:
        return self.name.rpartition(".")[2] if "." in self.name else "default"


@dataclass(frozen=True)
class JobSettings:
    """`inputs`: local folders by input name; `sharded`: inputs of which each host has a part; `config`: --output-config by output;
    `output_flow`: the file for the fitted flow, "" for none."""

    root: Path
    inputs: Mapping[str, Path] = field(default_factory=dict)
    uris: Mapping[str, str] = field(default_factory=dict)
    sharded: frozenset[str] = frozenset()
    outputs: tuple[FlowJobOutput, ...] = ()
    config: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    refit: bool = False
    output_flow: str = ""
    overrides: Mapping[str, str] = field(default_factory=dict)
    host: str = "algo-1"
    hosts: tuple[str, ...] = ("algo-1",)

    @property
    def is_leader(self) -> bool:
        return self.host == self.hosts[0]

    @property
    def flow_folder(self) -> Path:
        return self.inputs.get(FLOW_INPUT) or self.root / "processing" / "flow"

    def input_folder(self, name: str) -> Path:
        return self.inputs.get(name) or self.root / "processing" / name

    @property
    def flow_output(self) -> Path:
        """The folder for the fitted flow: that of the first output."""
        return self.outputs[0].folder if self.outputs else self.root / "processing" / "output"


def read(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> JobSettings:
    """Reads the arguments and /opt/ml/config. Raises FlowError."""
    root = Path(environment.get(ROOT_VARIABLE, "/opt/ml"))
    options = _options(arguments)
    described = _json(root / "config" / "processingjobconfig.json")
    resources = _json(root / "config" / "resourceconfig.json")
    host = str(resources.get("current_host") or "algo-1")
    hosts = sorted(resources.get("hosts") or [host], key=lambda name: (len(name), name))
    inputs = [one for one in described.get("ProcessingInputs") or () if isinstance(one, dict)]
    refit = _object(options, "refit-trained-params")
    return JobSettings(
        root,
        {one["InputName"]: place for one in inputs if (place := _local(root, one)) is not None},
        {
            one["InputName"]: str(source.get("S3Uri"))
            for one in inputs
            if (source := one.get("S3Input") or {}).get("S3Uri")
        },
        frozenset(
            one["InputName"] for one in inputs if (one.get("S3Input") or {}).get("S3DataDistributionType") == SHARDED
        ),
        _outputs(root, described),
        _configured(options),
        bool(refit.get("refit")),
        _flow_name(refit),
        {str(name): str(value) for name, value in _object(options, "parameter-override").items()},
        host,
        tuple(hosts),
    )


def _options(arguments: Sequence[str]) -> dict[str, str]:
    """Parses `--name value`, `--name=value`, and both in one argument with quotes, as the exported notebooks pass them."""
    words: list[str] = []
    for one in arguments:
        try:
            words += shlex.split(one) if one.startswith("--") and " " in one else [one]
        except ValueError as error:
            raise FlowError(f"The argument {one[:200]!r} can't be read: {error}.") from None
    found: dict[str, str] = {}
    while words:
        word = words.pop(0)
        name, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or name not in _OPTIONS:
            raise FlowError(
                f"There is no argument {word[:200]!r}; the arguments are {', '.join(f'--{one}' for one in _OPTIONS)}."
            )
        if not equals:
            if not words:
                raise FlowError(f"The argument --{name} has no value.")
            value = words.pop(0)
        found[name] = value
    return found


def _object(options: Mapping[str, str], name: str) -> dict[str, Any]:
    try:
        found = json.loads(options.get(name) or "{}")
    except (ValueError, RecursionError) as error:
        raise FlowError(f"The value of --{name} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise FlowError(f"The value of --{name} has to be an object.")
    return found


def _configured(options: Mapping[str, str]) -> dict[str, Mapping[str, Any]]:
    found = _object(options, "output-config")
    wrong = next((name for name, value in found.items() if not isinstance(value, dict)), None)
    if wrong is not None:
        raise FlowError(f"In --output-config, {wrong!r} has to be an object.")
    return found


def _flow_name(refit: Mapping[str, Any]) -> str:
    name = str(refit.get("output_flow") or "")
    if name and (Path(name).name != name or name.startswith(".")):
        raise FlowError(f"output_flow is {name[:200]!r}; it has to be the name of a file.")
    return name


def _outputs(root: Path, described: Mapping[str, Any]) -> tuple[FlowJobOutput, ...]:
    listed = (described.get("ProcessingOutputConfig") or {}).get("Outputs") or ()
    found: dict[Path, FlowJobOutput] = {}
    for one in listed:
        path = (one.get("S3Output") or {}).get("LocalPath")
        if not path or not one.get("OutputName"):
            continue
        output = FlowJobOutput(one["OutputName"], _rooted(root, path))
        if output.folder in found:
            raise FlowError(
                f"The outputs {found[output.folder].name} and {output.name} have the same LocalPath, {path}."
            )
        found[output.folder] = output
    return tuple(found.values())


def _local(root: Path, described: Mapping[str, Any]) -> Path | None:
    source = described.get("S3Input") or described.get("DatasetDefinition") or {}
    path = source.get("LocalPath")
    return _rooted(root, path) if path and described.get("InputName") else None


def _rooted(root: Path, path: str) -> Path:
    """Returns a path of /opt/ml below the root that the job has instead."""
    return root / path.removeprefix("/opt/ml").lstrip("/") if path.startswith("/opt/ml") else Path(path)


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
