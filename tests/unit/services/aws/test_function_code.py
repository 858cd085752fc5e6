"""The parts of a function's archive that are read before the archive is kept."""

from __future__ import annotations

import io
import zipfile

import pytest

from sagewright.model.errors import AwsError
from sagewright.services.aws.functions import code


def archive(names: list[str], comment: bytes = b"") -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as opened:
        for name in names:
            opened.writestr(name, "x")
        opened.comment = comment
    return made.getvalue()


@pytest.mark.parametrize("comment", [b"", b"a remark", bytes(65_000)])
def test_an_archive_is_taken_whatever_its_comment_is(comment: bytes) -> None:
    code._check_archive(archive(["m.py", "package/n.py"], comment))


def test_the_end_that_counts_is_the_one_that_python_reads() -> None:
    """An archive may have what looks like an end in its comment."""
    data = archive([f"{number}.py" for number in range(100)], b"PK\5\6" + bytes(30))
    assert code._listed(data) == 0
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        assert opened.namelist() == []


def test_a_long_list_of_files_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    data = archive([f"{number:04d}{'n' * 9000}" for number in range(1000)])
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(AwsError, match="list of files has 9050000 bytes; at most 8388608") as caught:
        code._check_archive(data)
    assert caught.value.code == "InvalidParameterValueException"


def test_the_end_of_another_form_does_not_get_round_that() -> None:
    plain = archive(["m.py"])
    locator = b"PK\6\7" + bytes(16)
    with pytest.raises(AwsError, match="Could not unzip"):
        code._check_archive(plain[:-22] + locator + plain[-22:])


@pytest.mark.parametrize("data", [b"", b"PK", b"PK\5\6", bytes(100)])
def test_what_is_no_archive_is_refused(data: bytes) -> None:
    with pytest.raises(AwsError, match="Could not unzip"):
        code._check_archive(data)
