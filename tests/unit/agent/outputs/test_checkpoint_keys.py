"""Keys of checkpoints, which anyone may have written, as paths."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewright.agent.errors import ClientError
from sagewright.agent.outputs.checkpoint_keys import file_paths


def test_keys_are_paths_and_folders_are_none() -> None:
    assert file_paths("b", "ck/", ["ck/", "ck/a", "ck/sub/", "ck/sub/b", "ck/ü"]) == {
        "ck/a": "a",
        "ck/sub/b": "sub/b",
        "ck/ü": "ü",
    }


@pytest.mark.parametrize(
    "key",
    [
        "ck//abs/path",
        "ck/../../secret",
        "ck/a/../b",
        "ck/a//b",
        "ck/./a",
        "ck/a/.",
        "ck/..",
        "ck//",
        "ck/a\0b",
        "ck/" + "n" * 256,
        "ck/" + "ü" * 128,
    ],
)
def test_keys_that_are_no_paths_are_refused_by_name(key: str) -> None:
    if key.endswith("/"):
        assert file_paths("b", "ck/", [key]) == {}
        return
    with pytest.raises(ClientError) as caught:
        file_paths("b", "ck/", ["ck/fine", key])
    assert repr(key) in str(caught.value)


@pytest.mark.parametrize("keys", [["ck/a", "ck/a/b"], ["ck/a/b/c", "ck/a"], ["ck/a/b", "ck/a/b/c/d"]])
def test_a_file_cannot_be_a_folder_too(keys: list[str]) -> None:
    with pytest.raises(ClientError, match="cannot be a file and a directory"):
        file_paths("b", "ck/", keys)


@given(st.lists(st.text(st.sampled_from("a./\0ü-"), max_size=8).map(lambda key: "ck/" + key), unique=True))
def test_no_key_leads_out(keys: list[str]) -> None:
    try:
        paths = file_paths("b", "ck/", keys)
    except ClientError:
        return
    for path in paths.values():
        assert os.path.normpath(path) == path
        assert not path.startswith("/")
        assert ".." not in path.split("/")
    assert len(set(paths.values())) == len(paths)
