"""Settings with a form of their own, and names that are none."""

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


@pytest.mark.parametrize(
    ("name", "meant"),
    [("SAGEWRIGHT_CAPACITY_CPU", "SAGEWRIGHT_CAPACITY_CPUS"), ("SAGEWRIGHT_ROLE", "SAGEWRIGHT_ROLES")],
)
def test_a_misspelt_setting_is_refused_with_the_nearest_name(name: str, meant: str) -> None:
    with pytest.raises(BadSetting, match=rf"{name}: there is no such setting; did you mean {meant}\?"):
        load_settings({}, {name: "1"})


def test_other_names_are_refused_or_left_to_who_has_them() -> None:
    with pytest.raises(BadSetting, match=r"SAGEWRIGHT_QQQQQ: there is no such setting$"):
        load_settings({}, {"SAGEWRIGHT_QQQQQ": "1"})
    load_settings({}, {"SAGEWRIGHT_FAST_WAITS": "0", "SAGEWRIGHT_TEST_KILLS": "3", "OTHER": "1"})
