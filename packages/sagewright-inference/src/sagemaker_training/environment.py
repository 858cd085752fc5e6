"""The job's environment for a script: the contents of the SM_* variables, as attributes.

Source: the documented members of sagemaker_training's Environment.
"""

from __future__ import annotations

import json
import os
from typing import Any

_NAMES = {
    "hyperparameters": "hps",
    "additional_framework_parameters": "framework_params",
    "input_data_config": "input_data_config",
    "current_instance_group_hosts": "current_instance_group_hosts",
}
"""Attributes whose variable has, or could have, a different name."""


class Environment:
    """`hosts`, `current_host`, `hyperparameters`, `channel_input_dirs`, `model_dir`, `num_gpus` and so on.

    Raises RuntimeError outside of a script that the toolkit has started.
    """

    def __init__(self, resource_config: Any = None, input_data_config: Any = None, hyperparameters: Any = None) -> None:
        text = os.environ.get("SM_TRAINING_ENV")
        if text is None:
            raise RuntimeError(
                "SM_TRAINING_ENV is not set: Environment() is for scripts that are started in script mode."
            )
        self._values: dict[str, Any] = json.loads(text)
        given = {"resource_config": resource_config, "input_data_config": input_data_config, "hps": hyperparameters}
        self._values.update({name: value for name, value in given.items() if value is not None})

    def __getattr__(self, name: str) -> Any:
        values = self.__dict__.get("_values", {})
        known = _NAMES.get(name, name)
        if known not in values:
            raise AttributeError(f"Environment has no '{name}'. It has {', '.join(sorted(values))}.")
        return values[known]

    @property
    def channel_input_dirs(self) -> dict[str, str]:
        return {name: os.environ[f"SM_CHANNEL_{name.upper()}"] for name in self._values["channels"]}

    @property
    def job_name(self) -> str:
        return os.environ.get("TRAINING_JOB_NAME", "")

    @property
    def master_hostname(self) -> str:
        return str(self._values["hosts"][0])

    @property
    def is_master(self) -> bool:
        return bool(self._values["current_host"] == self.master_hostname)

    is_main = is_master

    def to_env_vars(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if name.startswith("SM_")}

    def to_cmd_args(self) -> list[str]:
        """Returns the arguments that the script was started with."""
        arguments: list[str] = self._values["user_args"]
        return arguments


def read_hyperparameters() -> dict[str, Any]:
    hyperparameters: dict[str, Any] = Environment().hyperparameters
    return hyperparameters
