"""What scripts import from the SageMaker containers toolkit, which came before the training and the inference toolkit."""

from __future__ import annotations

from sagemaker_training.environment import Environment


def training_env() -> Environment:
    """The job as a script sees it."""
    return Environment()
