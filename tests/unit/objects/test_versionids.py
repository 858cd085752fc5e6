from __future__ import annotations

import pytest

from sagewright.objects.versionids import is_issued, new_version_id, rank_of


@pytest.mark.parametrize("rank", [-1, -2, -1_000_000_000_000])
def test_an_id_knows_its_rank(rank: int) -> None:
    name = new_version_id(rank)
    assert (rank_of(name), len(name), name.isalnum(), is_issued(name)) == (rank, 32, True, True)


def test_ids_of_one_rank_differ_from_their_first_letters_on() -> None:
    assert len({new_version_id(-1)[:12] for _ in range(100)}) == 100


@pytest.mark.parametrize("name", ["", "x", "Z" * 32, "0" * 32, "-" * 32, "é" * 32, "a" * 10_000])
def test_what_was_never_given(name: str) -> None:
    assert rank_of(name) is None
    assert not is_issued(name)


def test_one_letter_changed_is_noticed() -> None:
    name = new_version_id(-7)
    for at in range(32):
        other = name[:at] + ("a" if name[at] != "a" else "b") + name[at + 1 :]
        assert rank_of(other) is None


def test_the_null_version_is_always_one() -> None:
    assert is_issued("null")
