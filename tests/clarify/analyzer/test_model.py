"""Archives of models: nothing of them lies outside of their folder."""

import io
import tarfile

import pytest

from sagewright.clarify.analyzer import model


def archive(tmp_path, *members):
    path = tmp_path / "model.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, kind, target in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            info.size = 4 if kind == tarfile.REGTYPE else 0
            tar.addfile(info, io.BytesIO(b"data"))
    return path


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "deep" / "model"
    made.mkdir(parents=True)
    return made


def files(tmp_path):
    return sorted(str(one.relative_to(tmp_path)) for one in tmp_path.rglob("*") if not one.is_dir())


def test_files_are_unpacked_and_links_are_not(tmp_path, folder):
    members = [
        ("xgboost-model", tarfile.REGTYPE, ""),
        ("link", tarfile.SYMTYPE, "/etc/passwd"),
        ("pipe", tarfile.FIFOTYPE, ""),
    ]
    assert model.unpack(archive(tmp_path, *members), folder)
    assert files(tmp_path) == ["deep/model/xgboost-model", "model.tar.gz"]


@pytest.mark.parametrize("name", ["../escaped", "../../escaped", "a/../../escaped"])
def test_a_member_that_leads_out_is_refused(tmp_path, folder, name):
    with pytest.raises(tarfile.TarError):
        model.unpack(archive(tmp_path, (name, tarfile.REGTYPE, "")), folder)
    assert files(tmp_path) == ["model.tar.gz"]


def test_a_link_leads_no_later_member_out(tmp_path, folder):
    outside = tmp_path / "outside"
    outside.mkdir()
    members = [("way", tarfile.SYMTYPE, str(outside)), ("way/escaped", tarfile.REGTYPE, "")]
    model.unpack(archive(tmp_path, *members), folder)
    assert list(outside.iterdir()) == []


def test_an_archive_that_is_too_large_is_left(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(model, "MAX_ARTEFACT_BYTES", 7)
    members = [("a", tarfile.REGTYPE, ""), ("b", tarfile.REGTYPE, "")]
    assert not model.unpack(archive(tmp_path, *members), folder)
