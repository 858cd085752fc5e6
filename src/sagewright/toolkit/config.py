"""The job's configuration: the files below input/config, and the variables that scripts expect (SM_*).

Source: the list of variables in aws/sagemaker-training-toolkit's ENVIRONMENT_VARIABLES page.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RESERVED = frozenset({
    "_tuning_objective_metric", "default_user_module_name", "sagemaker_program", "sagemaker_submit_directory",
})  # fmt: skip


class JobConfig:
    """One host's view of its job. `environ`: the environment of this process."""

    def __init__(self, root: Path, environ: Mapping[str, str]) -> None:
        self.root = root
        self._environ = environ
        config = root / "input" / "config"
        self.resources: dict[str, Any] = _read(config / "resourceconfig.json")
        self.channels: dict[str, Any] = _read(config / "inputdataconfig.json")
        given = {key: decode(value) for key, value in _read(config / "hyperparameters.json").items()}
        self.reserved = {key: value for key, value in given.items() if is_reserved(key)}
        self.hyperparameters = {key: value for key, value in given.items() if not is_reserved(key)}

    @property
    def code(self) -> Path:
        return self.root / "code"

    @property
    def archive(self) -> Path:
        """Returns the path of the packed code."""
        return self.root / ".sagewright" / "code.tar.gz"

    @property
    def output(self) -> Path:
        return self.root / "output"

    @property
    def program(self) -> str:
        return str(self.reserved.get("sagemaker_program", ""))

    @property
    def hosts(self) -> list[str]:
        return sorted(self.resources["hosts"], key=lambda host: (len(host), host))

    @property
    def distribution_hosts(self) -> list[str]:
        """Returns the hosts that train together: those of the instance groups in the distribution, else all."""
        named = self.reserved.get("sagemaker_distribution_instance_groups") or []
        groups = self.resources.get("instance_groups", [])
        chosen = {host for group in groups if group["instance_group_name"] in named for host in group["hosts"]}
        return [host for host in self.hosts if host in chosen] if chosen else self.hosts

    @property
    def host(self) -> str:
        return str(self.resources["current_host"])

    @property
    def gpus(self) -> int:
        return int(self._environ.get("SAGEWRIGHT_GPUS", "0"))

    @property
    def cpus(self) -> int:
        return int(self._environ.get("SAGEWRIGHT_CPUS") or os.cpu_count() or 1)

    def enabled(self, name: str) -> bool:
        """Returns True if the reserved hyperparameter `sagemaker_<name>_enabled` is true."""
        return self.reserved.get(f"sagemaker_{name}_enabled") in (True, "true", "True")

    def variables(self, arguments: list[str]) -> dict[str, str]:
        """Returns the SM_* variables for the script, which is started with `arguments`."""
        values = self._values(arguments)
        values["SM_TRAINING_ENV"] = {key[3:].lower(): value for key, value in values.items()}
        variables = {key: _text(value) for key, value in values.items()}
        for name in self.channels:
            variables[f"SM_CHANNEL_{name.upper()}"] = str(self.root / "input" / "data" / name)
        for key, value in self.hyperparameters.items():
            variables[f"SM_HP_{key.upper()}"] = _text(value)
        return variables

    def _values(self, arguments: list[str]) -> dict[str, Any]:
        root, groups = self.root, self.resources.get("instance_groups", [])
        own: dict[str, Any] = next((group for group in groups if self.host in group["hosts"]), {})
        return {
            "SM_HOSTS": self.hosts,
            "SM_CURRENT_HOST": self.host,
            "SM_CURRENT_INSTANCE_TYPE": self.resources.get("current_instance_type", ""),
            "SM_CURRENT_INSTANCE_GROUP": self.resources.get("current_group_name", ""),
            "SM_CURRENT_INSTANCE_GROUP_HOSTS": own.get("hosts", []),
            "SM_INSTANCE_GROUPS": [group["instance_group_name"] for group in groups],
            "SM_INSTANCE_GROUPS_DICT": {group["instance_group_name"]: group for group in groups},
            "SM_DISTRIBUTION_INSTANCE_GROUPS": self.reserved.get("sagemaker_distribution_instance_groups", []),
            "SM_IS_HETERO": len(groups) > 1,
            "SM_NETWORK_INTERFACE_NAME": self.resources.get("network_interface_name", "lo"),
            "SM_NUM_CPUS": self.cpus,
            "SM_NUM_GPUS": self.gpus,
            "SM_NUM_NEURONS": 0,
            "SM_LOG_LEVEL": self.reserved.get("sagemaker_container_log_level", 20),
            "SM_MODEL_DIR": str(root / "model"),
            "SM_OUTPUT_DIR": str(self.output),
            "SM_OUTPUT_DATA_DIR": str(self.output / "data"),
            "SM_OUTPUT_INTERMEDIATE_DIR": str(self.output / "intermediate"),
            "SM_INPUT_DIR": str(root / "input"),
            "SM_INPUT_CONFIG_DIR": str(root / "input" / "config"),
            "SM_CHANNELS": sorted(self.channels),
            "SM_HPS": self.hyperparameters,
            "SM_USER_ARGS": arguments,
            "SM_USER_ENTRY_POINT": self.program,
            "SM_MODULE_NAME": module_name(self.program),
            "SM_MODULE_DIR": str(self.reserved.get("sagemaker_submit_directory", self.code)),
            "SM_FRAMEWORK_MODULE": "sagewright.toolkit",
            "SM_FRAMEWORK_PARAMS": self.reserved,
            "SM_RESOURCE_CONFIG": self.resources,
            "SM_INPUT_DATA_CONFIG": self.channels,
        }


def is_reserved(key: str) -> bool:
    """Returns True if a hyperparameter is for the toolkit and hidden from the script."""
    return key in RESERVED or key.startswith("sagemaker_")


def decode(value: str) -> Any:
    """Returns a hyperparameter's value parsed as JSON, else the string itself."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def script_arguments(hyperparameters: Mapping[str, Any]) -> list[str]:
    """Returns `--key value` for each, sorted by key; a key of one letter has one dash. True becomes `True`, a map `a=1,b=2`."""
    arguments = []
    for key, value in sorted(hyperparameters.items()):
        arguments += [f"-{key}" if len(key) == 1 else f"--{key}", _argument(value)]
    return arguments


def _argument(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{name}={item}" for name, item in sorted(value.items()))
    return str(value)


def module_name(program: str) -> str:
    """Converts `train.py` to `train`."""
    return program[:-3] if program.endswith(".py") else program


def _read(file: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(file.read_bytes())
    except FileNotFoundError:
        return {}
    return content


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
