"""Settings of serving in the environment."""

from __future__ import annotations

import pytest

from sagewright.serving.settings import ServingSettings, WrongSetting


@pytest.mark.parametrize(
    ("environment", "workers"),
    [
        ({}, 3),
        ({"MODEL_SERVER_WORKERS": "2"}, 2),
        ({"MODEL_SERVER_WORKERS": "2", "SAGEMAKER_MODEL_SERVER_WORKERS": "4"}, 4),
        ({"MODEL_SERVER_WORKERS": "0"}, 1),
    ],
    ids=str,
)
def test_workers(environment: dict[str, str], workers: int) -> None:
    assert ServingSettings.read(environment, workers=3).workers == workers


def test_a_number_of_workers_that_is_none() -> None:
    with pytest.raises(WrongSetting, match="MODEL_SERVER_WORKERS"):
        ServingSettings.read({"MODEL_SERVER_WORKERS": "many"}, workers=1)
