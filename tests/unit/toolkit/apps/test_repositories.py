"""Code repositories are cloned once, and a failure says which and why."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sagewright.toolkit.apps import repositories
from sagewright.toolkit.apps.errors import SetupFailed


@pytest.fixture
def origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A repository with the branches main and other, in the place of one behind https."""
    place = tmp_path / "origin"
    for command in (
        ["init", "--quiet", "--initial-branch", "main", str(place)],
        ["-C", str(place), "commit", "--quiet", "--allow-empty", "--message", "first"],
        ["-C", str(place), "branch", "other"],
    ):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *command], check=True)
    for name, value in (
        ("COUNT", "1"),
        ("KEY_0", f"url.file://{place}.insteadOf"),
        ("VALUE_0", "https://git.example/code.git"),
    ):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    monkeypatch.setattr(repositories, "PROTOCOLS", "file")
    return "https://git.example/code.git"


def test_it_is_cloned_once_at_its_branch(origin: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    repositories.clone([{"url": origin, "branch": "other"}], home)
    assert (home / "code" / ".git" / "HEAD").read_text() == "ref: refs/heads/other\n"
    (home / "code" / "mine.txt").write_text("changed")
    repositories.clone([{"url": origin, "branch": "main"}], home)
    assert (home / "code" / "mine.txt").exists()


def test_a_failure_names_the_repository(origin: str, tmp_path: Path) -> None:
    with pytest.raises(SetupFailed, match=r"https://git\.example/code\.git can't be cloned .*nowhere"):
        repositories.clone([{"url": origin, "branch": "nowhere"}], tmp_path)
    assert not (tmp_path / "code").exists()


def test_no_log_has_the_token_of_a_url(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SetupFailed, match=r"https://host\.invalid/code can't be cloned") as failed:
        repositories.clone([{"url": "https://me:s3cret@host.invalid/code", "branch": ""}], tmp_path)
    assert "s3cret" not in str(failed.value) + capsys.readouterr().out


def test_only_https_is_spoken(tmp_path: Path) -> None:
    for url in (f"file://{tmp_path}", "ext::sh -c touch% evil"):
        with pytest.raises(SetupFailed):
            repositories.clone([{"url": url, "branch": ""}], tmp_path)
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("https://a/b/c.git", "c"),
        ("https://a/b/c/", "c"),
        ("https://a/..", "repository"),
        ("https://a/.git", "repository"),
        ("https://a/b c%00", "b-c-00"),
    ],
)
def test_the_folder_of_a_url_is_below_the_home(url: str, folder: str) -> None:
    assert repositories.folder_of(url) == folder
