"""Environments of images: each image that an SDK names has an environment or a reason, and the page says which."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import pytest
from tests import sdkimages

from sagewright.model.jobs.brief import Purpose
from sagewright.runtimes.images import ImageKind, resolve_image
from sagewright.runtimes.launch import CannotRun, check_runnable

AWS = "763104351884.dkr.ecr.us-east-1.amazonaws.com"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("images", sdkimages.CACHE.parent / "tools" / "images.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_image_of_the_sdks_runs_or_says_why_not() -> None:
    images = set(sdkimages.named_images())
    assert len(images) > 400
    silent = {}
    for name in images:
        image = resolve_image(f"{AWS}/{name}")
        assert image.kind is not ImageKind.OWN, name
        for purpose in Purpose:
            try:
                check_runnable(image, purpose)
            except CannotRun as error:
                if "content is unknown" in str(error):
                    silent[name] = str(error)
    assert silent == {}


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the page is of Python 3.11")
def test_the_page_is_what_the_recipes_say(tool: ModuleType) -> None:
    if sdkimages.releases() not in tool.PAGE.read_text():
        pytest.skip("the page is of other releases of the SDKs")
    assert tool.PAGE.read_text() == tool.page(), "run tools/images.py"
