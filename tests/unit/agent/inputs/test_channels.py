"""Which objects a channel holds and where they go."""

from __future__ import annotations

import pytest

from sagewright.agent.errors import ClientError
from sagewright.agent.inputs.channels import ChannelMember, InputChannel, relative_key
from sagewright.agent.inputs.directories import layout
from sagewright.agent.inputs.sources import Stored
from sagewright.model.jobs.brief import DataSet, InputBrief


@pytest.mark.parametrize(
    ("key", "prefix", "path"),
    [
        ("data/train/a.csv", "data/train", "a.csv"),
        ("data/train/a.csv", "data/train/", "a.csv"),
        ("data/train/x/a.csv", "data/train", "x/a.csv"),
        ("data/train.csv", "data/train.csv", "train.csv"),
        ("data/train-1.csv", "data/train", "train-1.csv"),
        ("a.csv", "", "a.csv"),
        ("x/a.csv", "", "x/a.csv"),
        ("/odd/a.csv", "/odd", "a.csv"),
    ],
)
def test_the_path_of_a_key_in_its_channel(key: str, prefix: str, path: str) -> None:
    assert relative_key(key, prefix) == path


def channel(rank: int = 0, hosts: int = 1, seed: int | None = None) -> InputChannel:
    data = DataSet("s3://b/", sharded=True)
    return InputChannel(InputBrief("Channel c", "input/data/c", "Pipe", data, seed=seed), data, rank, hosts)


def test_shards_are_every_nth_object() -> None:
    assert [channel(rank, 3).share(range(7)) for rank in range(3)] == [[0, 3, 6], [1, 4], [2, 5]]
    assert channel(2, 3).share(range(2)) == []


def test_a_shuffled_shard_differs_from_epoch_to_epoch_and_all_hosts_together_have_everything() -> None:
    epochs = [[channel(rank, 2, seed=5).share(range(20), epoch) for rank in range(2)] for epoch in range(3)]
    assert all(sorted(one + other) == list(range(20)) for one, other in epochs)
    assert len({str(epoch) for epoch in epochs}) == 3
    assert channel(0, 2, seed=5).share(range(20), 1) == epochs[1][0]


def members(*paths: str) -> list[ChannelMember]:
    return [ChannelMember(Stored("b", f"p/{path}", 1), path) for path in paths]


def test_a_layout() -> None:
    files, folders = layout(members("a", "x//y/./b", "x/c"))
    assert list(files) == ["a", "x/y/b", "x/c"]
    assert folders == {"", "x", "x/y"}


@pytest.mark.parametrize(
    "paths", [("a", "a/b"), ("a/b/c", "a/b"), ("a", "./a"), ("a//b", "a/b"), ("a/../b",), ("..",), ("x\0",)]
)
def test_a_layout_that_no_directory_can_have(paths: tuple[str, ...]) -> None:
    with pytest.raises(ClientError, match=r"^Data download failed:"):
        layout(members(*paths))
