"""Folders of file systems, which a job finds below /opt/ml, or at a path of the sandbox's own."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sagewright.agent.errors import ClientError
from sagewright.agent.inputs.folders import HOME, folder_views
from sagewright.agent.optml import OptMl
from sagewright.agent.process.volume import counted_folders
from sagewright.model.jobs.brief import Folder, InputBrief
from sagewright.sandbox.base import CAPABILITIES, Support, View


def host(root: Path, place: str, path: str = "/mine", *, counted: bool = False) -> Any:
    folder = Folder("spaces", path, writable=True, counted=counted)
    brief = SimpleNamespace(inputs=[InputBrief(title="Home", place=place, folder=folder)])
    return SimpleNamespace(brief=brief, file_systems={"spaces": str(root)})


def sandbox(**lacking: bool) -> Any:
    given = {name: Support(lacking.get(name, True), "") for name in CAPABILITIES}
    return SimpleNamespace(name="test", declare=lambda: given)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root" / "mine").mkdir(parents=True)
    return tmp_path / "root"


def test_an_absolute_place_is_the_sandbox_s_own(root: Path, tmp_path: Path) -> None:
    ml = OptMl(tmp_path / "ml")
    place = f"/home/{tmp_path.name}"
    views = folder_views(host(root, place), ml, sandbox(), print)
    assert views == [View(root, place, "write", "mine")]
    assert not Path(place).exists()  # nothing is made on the machine


def test_without_a_file_system_of_its_own_it_is_below_opt_ml(root: Path, tmp_path: Path) -> None:
    ml = OptMl(tmp_path / "ml")
    views = folder_views(host(root, "/home/sagemaker-user"), ml, sandbox(own_ml_root=False), print)
    assert views == [View(root, HOME, "write", "mine")]
    assert (ml.root / HOME).is_dir()


def test_a_link_in_the_place_of_a_home_is_not_followed(root: Path, tmp_path: Path) -> None:
    (root / "link").symlink_to("/etc")
    with pytest.raises(ClientError):
        folder_views(host(root, "/home/sagemaker-user", "/link"), OptMl(tmp_path / "ml"), sandbox(), print)


def test_only_homes_count_as_written_by_the_host(root: Path) -> None:
    assert counted_folders(host(root, "/home/sagemaker-user", counted=True)) == [root / "mine"]
    assert counted_folders(host(root, "/home/sagemaker-user")) == []
