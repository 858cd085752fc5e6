"""Code of the SageMaker SDK, versions 2 and 3, that makes a resource again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_V3 = """\
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData

trainer = ModelTrainer(
    training_image={image!r},
    role={role!r},
    compute=Compute(instance_type={type!r}, instance_count={count}),
    hyperparameters={parameters},
)
trainer.train(input_data_config=[
{inputs}])"""

_V2 = """\
from sagemaker.estimator import Estimator

estimator = Estimator(
    {image!r},
    role={role!r},
    instance_count={count},
    instance_type={type!r},
    hyperparameters={parameters},
)
estimator.fit({inputs})"""


def training_v3(found: Mapping[str, Any]) -> str:
    """Returns ModelTrainer's code for a described training job."""
    inputs = "".join(
        f"    InputData(channel_name={name!r}, data_source={uri!r}),\n" for name, uri in _channels(found).items()
    )
    return _V3.format(**_values(found), inputs=inputs)


def training_v2(found: Mapping[str, Any]) -> str:
    """Returns Estimator's code for a described training job."""
    return _V2.format(**_values(found), inputs=_channels(found))


def _channels(found: Mapping[str, Any]) -> dict[str, str]:
    sources = {
        one["ChannelName"]: one["DataSource"].get("S3DataSource") or {} for one in found.get("InputDataConfig", [])
    }
    return {name: source.get("S3Uri", "") for name, source in sources.items()}


def _values(found: Mapping[str, Any]) -> dict[str, Any]:
    resources = found.get("ResourceConfig", {})
    given = {name: value for name, value in found.get("HyperParameters", {}).items() if not name.startswith("_")}
    lines = "".join(f"        {name!r}: {value!r},\n" for name, value in given.items())
    return {
        "image": found["AlgorithmSpecification"].get("TrainingImage", ""),
        "role": found.get("RoleArn", ""),
        "type": resources.get("InstanceType", ""),
        "count": resources.get("InstanceCount", 1),
        "parameters": f"{{\n{lines}    }}",
    }
