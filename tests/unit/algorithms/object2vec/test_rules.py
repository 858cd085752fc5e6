"""Which hyperparameters of Object2Vec go together, and what they say of the network."""

from __future__ import annotations

from typing import Any

import pytest

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.object2vec.declaration import DECLARATION
from sagewright.algorithms.object2vec.settings import Object2VecSettings

NEEDED = {"enc0_max_seq_len": "5", "enc0_vocab_size": "9"}
OWN = {"enc1_network": "bilstm", "enc1_max_seq_len": "7", "enc1_vocab_size": "11"}


def settings(**given: str) -> Object2VecSettings:
    return Object2VecSettings.of(DECLARATION.validate_hyperparameters({**NEEDED, **given}))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"enc1_network": "hcnn", "enc1_max_seq_len": "5"}, "enc1_vocab_size is required where enc1_network is hcnn"),
        ({"enc1_network": "hcnn", "enc1_vocab_size": "5"}, "enc1_max_seq_len is required where enc1_network is hcnn"),
        (
            {**OWN, "tied_token_embedding_weight": "true"},
            "enc0_vocab_size is 9 and enc1_vocab_size is 11; they must be equal",
        ),
        (
            {**OWN, "enc1_vocab_size": "9", "tied_token_embedding_weight": "True", "enc1_token_embedding_dim": "4"},
            "enc0_token_embedding_dim is 300 and enc1_token_embedding_dim is 4",
        ),
        (
            {**OWN, "enc1_vocab_size": "9", "tied_token_embedding_weight": "True",
             "enc1_pretrained_embedding_file": "a", "enc1_vocab_file": "b"},
            "enc1_pretrained_embedding_file must be empty or that of enc0",
        ),
        ({"enc0_vocab_file": "../a"}, "enc0_vocab_file: '../a' is not a name of letters"),
        ({"enc0_vocab_file": ".."}, "enc0_vocab_file: '..' is not a name of letters"),
        ({"enc0_pretrained_embedding_file": "a.txt"}, "enc0_vocab_file is required with enc0_pretrained_embedding_file"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_named(given: dict[str, str], said: str) -> None:
    with pytest.raises(UserError, match=said.replace(".", r"\.")):
        settings(**given)


def test_enc1_is_as_enc0_unless_it_has_a_network() -> None:
    same = settings(enc0_network="bilstm", enc0_layers="2", enc1_layers="4", enc1_max_seq_len="3")
    assert same.sides[0] == same.sides[1]
    assert (same.sides[1].network, same.sides[1].layers, same.sides[1].longest) == ("bilstm", 2, 5)
    own = settings(**OWN)
    assert [(side.network, side.layers, side.longest, side.vocabulary) for side in own.sides] == [
        ("hcnn", 4, 5, 9),
        ("bilstm", 1, 7, 11),
    ]


def test_tables_are_frozen_only_where_a_file_fills_them() -> None:
    files = {"enc0_pretrained_embedding_file": "a.txt", "enc0_vocab_file": "b.json"}
    assert not settings(**OWN).sides[0].frozen
    assert [side.frozen for side in settings(**OWN, **files).sides] == [True, False]
    assert not settings(**files, enc0_freeze_pretrained_embedding="False").sides[0].frozen
    shared = {**OWN, "enc1_vocab_size": "9", "tied_token_embedding_weight": "true"}
    assert [side.frozen for side in settings(**shared, **files).sides] == [True, True]


@pytest.mark.parametrize(
    ("given", "outputs"),
    [({}, 2), ({"num_classes": "5"}, 5), ({"output_layer": "mean_squared_error", "num_classes": "5"}, 1)],
)
def test_outputs(given: dict[str, str], outputs: int) -> None:
    assert settings(**given).outputs == outputs


def test_the_description_is_read_back_and_checked() -> None:
    found = settings(**OWN, comparator_list="concat,hadamard", dropout="0.5")
    document: dict[str, Any] = found.document()
    assert Object2VecSettings.read(document) == found
    wrong: list[tuple[str, Any]] = [
        ("encoding", -1), ("encoding", 10**9), ("encoding", "64"), ("mlp_layers", 11), ("activation", "gelu"),
        ("output", "sigmoid"), ("comparators", ["dot"]), ("comparators", []), ("dropout", 2.0), ("sides", []),
        ("sides", [{"network": "hcnn"}] * 2), ("more", 1), ("outputs", True),
    ]  # fmt: skip
    for name, value in wrong:
        with pytest.raises(UserError, match="the model's description is none of Object2Vec's"):
            Object2VecSettings.read({**document, name: value})
    for nothing in ([], None, "a"):
        with pytest.raises(UserError, match="the model's description"):
            Object2VecSettings.read(nothing)


def test_the_numbers_of_a_network_are_about_right() -> None:
    small = settings(enc_dim="8", enc0_token_embedding_dim="4", mlp_layers="1", mlp_dim="6")
    # 2 tables of 9 x 4; 2 x 3 x 2 x (4 + 2 x 3); 6 x 8 x 4
    assert small.numbers == 2 * 36 + 2 * 60 + 192
