"""Settings with a form of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagewright.model.settings import BadSetting, load_settings


def test_folders_of_file_systems() -> None:
    settings = load_settings({}, {"SAGEWRIGHT_FILE_SYSTEMS": "fs-1=/a, fs-2=/b c,"})
    assert settings.mounted_file_systems == {"fs-1": Path("/a"), "fs-2": Path("/b c")}


@pytest.mark.parametrize("wrong", ["fs-1", "fs-1=relative", "fs-1="])
def test_a_wrong_list_of_file_systems_is_told(wrong: str) -> None:
    with pytest.raises(BadSetting, match="must be ID=/absolute/folder"):
        load_settings({}, {"SAGEWRIGHT_FILE_SYSTEMS": wrong})
