"""The log tells which data and hyperparameters of a job are not used."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sagewright.algorithms.blazingtext.classification import examples
from sagewright.algorithms.blazingtext.reading import Text
from sagewright.algorithms.deepar import training as deepar
from sagewright.algorithms.deepar.declaration import DECLARATION as DEEPAR
from sagewright.algorithms.schema.declaration import Declaration
from sagewright.algorithms.seq2seq import training as seq2seq
from sagewright.algorithms.seq2seq.declaration import DECLARATION as SEQ2SEQ


def run(declaration: Declaration, *channels: str, **given: str) -> Any:
    values = declaration.validate_hyperparameters(given)
    return SimpleNamespace(values=values, chosen=declaration.chosen(given), job=SimpleNamespace(channels=channels))


@pytest.mark.parametrize("layers", ["1", "2"])
def test_layers_above_the_first(layers: str, caplog: pytest.LogCaptureFixture) -> None:
    given = {"rnn_residual_connections": "true", "num_layers_encoder": layers, "cnn_num_hidden": "64"}
    with caplog.at_level("INFO"):
        seq2seq._say_unused(run(SEQ2SEQ, **given))
    assert ("one layer of rnn only. Not used: rnn_residual_connections." in caplog.text) == (layers == "1")
    assert "Neither encoder nor decoder is cnn. Not used: cnn_num_hidden." in caplog.text


@pytest.mark.parametrize("channels", [("train",), ("train", "test")])
def test_hyperparameters_of_the_channel_test(channels: tuple[str, ...], caplog: pytest.LogCaptureFixture) -> None:
    given = {"context_length": "5", "prediction_length": "5", "epochs": "1", "time_freq": "D"}
    with caplog.at_level("INFO"):
        deepar._tell(run(DEEPAR, *channels, **given, num_eval_samples="50"))
    assert ("There is no channel test. Not used: num_eval_samples." in caplog.text) == ("test" not in channels)


@pytest.mark.parametrize("without", [0, 3])
def test_lines_without_a_label(without: int, caplog: pytest.LogCaptureFixture) -> None:
    words = [b"</s>", b"__label__0", b"__label__1", b"zero", b"one"]
    lines = [[1, 3, 0], [2, 4, 0]] * 5 + [[3, 4, 0]] * without
    text = examples.Labelled(Text(words, np.concatenate(lines).astype(np.int32)))
    with caplog.at_level("INFO"):
        found = examples.examples(text, examples.language(text, 1, 1, None), "train")
    assert len(found) == 10
    assert ("Channel train: 3 of 13 lines have no label" in caplog.text) == bool(without)
