"""The parts of the SageMaker containers toolkit that scripts import; it preceded the training and the inference toolkit."""

from __future__ import annotations

from sagemaker_training.environment import Environment


def training_env() -> Environment:
    """Returns the job's environment for a script."""
    return Environment()
