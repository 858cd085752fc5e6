"""The processing job as its program sees it.

Source: the contract of processing containers (/opt/ml/config, /opt/ml/output/message), and the inputs' names in the SDK.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONFIG_INPUT, DATA_INPUT = "analysis_config", "dataset"
MONITORED_DATA = "dataset_source"
"""Variable of a monitor's job: the folder below which its captured records are, of several inputs."""
ROOT_VARIABLE = "SAGEWRIGHT_ML_ROOT"


@dataclass(frozen=True)
class ClarifyJob:
    """`output_uri`: where the files below `output` go in S3, "" if unknown. `hosts`: sorted, the first is the leader."""

    root: Path
    arn: str
    name: str
    config: Path
    data: Path
    output: Path
    output_uri: str
    current_host: str
    hosts: tuple[str, ...]

    @property
    def is_leader(self) -> bool:
        return self.current_host == self.hosts[0]

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> ClarifyJob:
        """Reads /opt/ml/config; paths are the defaults where a file or an input is missing."""
        root = Path(environment.get(ROOT_VARIABLE, "/opt/ml"))
        described = _json(root / "config" / "processingjobconfig.json")
        resources = _json(root / "config" / "resourceconfig.json")
        host = resources.get("current_host") or "algo-1"
        hosts = resources.get("hosts") or [host]
        inputs = {
            one.get("InputName", ""): _local(root, (one.get("S3Input") or {}).get("LocalPath"))
            for one in described.get("ProcessingInputs") or ()
        }
        config = inputs.pop(CONFIG_INPUT, None) or root / "processing" / "input" / "config"
        monitored = _local(root, environment.get(MONITORED_DATA))
        data = (
            monitored
            or inputs.get(DATA_INPUT)
            or next(iter(inputs.values()), None)
            or root / "processing" / "input" / "data"
        )
        output, uri = _output(root, described)
        return cls(
            root=root,
            arn=described.get("ProcessingJobArn") or "",
            name=described.get("ProcessingJobName") or "",
            config=_config(config),
            data=data,
            output=output,
            output_uri=uri,
            current_host=host,
            hosts=tuple(sorted(hosts, key=lambda name: (len(name), name))),
        )

    def say(self, message: str) -> None:
        """Writes the job's ExitMessage."""
        path = self.root / "output" / "message"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(message, encoding="utf-8")


def _config(folder: Path) -> Path:
    """Returns analysis_config.json, or the only file of that type under another name, as in AWS's example with boto3."""
    named = folder / "analysis_config.json"
    found = [] if named.exists() else [path for path in folder.glob("*.json") if path.is_file()]
    return found[0] if len(found) == 1 else named


def _output(root: Path, described: Mapping[str, Any]) -> tuple[Path, str]:
    outputs = (described.get("ProcessingOutputConfig") or {}).get("Outputs") or ()
    for one in outputs:
        target = one.get("S3Output") or {}
        path = _local(root, target.get("LocalPath"))
        if path is not None:
            return path, target.get("S3Uri") or ""
    return root / "processing" / "output", ""


def _local(root: Path, path: str | None) -> Path | None:
    return root / path.removeprefix("/opt/ml/").lstrip("/") if path else None


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return found if isinstance(found, dict) else {}
