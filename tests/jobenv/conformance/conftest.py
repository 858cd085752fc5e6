"""Fixtures of the tests that hold for every algorithm."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def few_steps(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Segmentation's small U-Net, whose steps no hyperparameter sets, has tests of its own; here it would take most of the time."""
    if "semantic-segmentation" in request.node.name:
        from sagewright.algorithms.semantic_segmentation import unet_training

        monkeypatch.setattr(unet_training, "STEPS", 4)
        monkeypatch.setattr(unet_training, "ROUNDS", 0)
