"""Advice in a job's log about a module that its environment lacks."""

from __future__ import annotations

import pytest

from sagewright.agent.missing import advice
from sagewright.runtimes.images import resolve_image

TORCH = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.6-cpu-py312"
SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"


@pytest.mark.parametrize(
    ("uri", "line", "said"),
    [
        (
            TORCH,
            "ModuleNotFoundError: No module named 'shap'",
            "no module 'shap'. AWS's image contains it in the package shap.",
        ),
        (TORCH, "ModuleNotFoundError: No module named 'cv2'", "in the package opencv-python-headless."),
        (
            TORCH,
            "ModuleNotFoundError: No module named 'cv2.gapi'",
            "in the installed cv2: name the version, or the distribution,",
        ),
        (
            SKLEARN,
            "ModuleNotFoundError: No module named 'sagemaker.session'",
            "in the installed sagemaker: try sagemaker<3.",
        ),
        (
            SKLEARN,
            "ModuleNotFoundError: No module named 'sagemaker.core.shapes'",
            "in the installed sagemaker: try sagemaker>=3.",
        ),
        (SKLEARN, "ModuleNotFoundError: No module named 'shap'", "no module 'shap'. In script mode, name the package"),
        (SKLEARN, "ErrorMessage \"ModuleNotFoundError: No module named 'flask'", "in the package flask."),
        (TORCH, "ModuleNotFoundError: No module named '../../x'", None),
        (TORCH, "ValueError: shap", None),
        (TORCH, "", None),
    ],
)
def test_what_is_advised(uri: str, line: str, said: str | None) -> None:
    found = advice(resolve_image(uri), ["Traceback (most recent call last):", line, "exit code 1"])
    assert (found is None) if said is None else (found is not None and said in found)


def test_the_last_of_several_modules_counts() -> None:
    lines = [f"ModuleNotFoundError: No module named '{name}'" for name in ("first", "numba")]
    assert "'numba'" in (advice(resolve_image(TORCH), lines) or "")
