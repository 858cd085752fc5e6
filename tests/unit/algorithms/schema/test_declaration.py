"""Values derived from a declaration: defaults, error texts in both families' wording, wire specifications."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.schema.channels import Channel
from sagewright.algorithms.schema.declaration import Declaration
from sagewright.algorithms.schema.domains import Choice, Either, Flag, Integer, Real
from sagewright.algorithms.schema.hyperparameters import Hyperparameter
from sagewright.algorithms.schema.metrics import Metric
from sagewright.algorithms.schema.wording import SCHEMA


def even_only(values: Mapping[str, Any]) -> None:
    """`k` is even when `strict` is true."""
    if values.get("strict") and values["k"] % 2:
        raise UserError("k must be even")


TOY = Declaration(
    name="toy",
    title="Toy",
    repositories=("toy",),
    hyperparameters=(
        Hyperparameter("k", Integer("[1, +inf)"), required=True, recommended=("2", "20")),
        Hyperparameter("rate", Either(("auto",), Real("(0, 1]")), "auto", aliases=("eta",), recommended=("0.1", "1")),
        Hyperparameter("kind", Choice(("a", "b")), "a", recommended=("a", "b")),
        Hyperparameter("strict", Flag(), "false"),
    ),
    channels=(Channel("train", ("text/csv",), required=True), Channel("test", ("text/csv",), modes=("File",))),
    metrics=(
        Metric("test:score", "Maximize", r"score=(\S+)"),
        Metric("train:progress", "Maximize", r"progress (\S+)", objective=False),
    ),
    train="nowhere:train",
    rules=(even_only,),
)


def fault(declaration: Declaration, **given: str) -> str:
    with pytest.raises(UserError) as caught:
        declaration.validate_hyperparameters(given)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_values_are_typed_and_defaults_filled() -> None:
    expected = {"k": 4, "rate": 0.5, "kind": "a", "strict": False}
    assert TOY.validate_hyperparameters({"k": "4", "eta": "0.5"}) == expected
    bare = replace(TOY, fills_defaults=False)
    assert bare.validate_hyperparameters({"k": "4"}) == {"k": 4}


def test_the_toolkits_wording() -> None:
    assert fault(TOY) == "Missing required hyperparameter: k"
    assert fault(TOY, k="1", x="1") == "Extraneous hyperparameter found: x"
    assert fault(TOY, k="one") == "Hyperparameter k: could not parse value (caused by ValueError)"
    assert fault(TOY, k="0") == "Hyperparameter k: 0 is not in [1, +inf)"
    assert fault(TOY, k="1", rate="2") == "Hyperparameter rate: 2.0 is not in auto or (0, 1]"
    assert fault(TOY, k="1", kind="c") == "Hyperparameter kind: c is not in ['a', 'b']"
    assert fault(TOY, k="1", strict="true") == "k must be even"


def test_the_schemas_wording() -> None:
    toy = replace(TOY, wording=SCHEMA)
    text = "No value(s) were specified for 'k' which are required hyperparameter(s) (caused by ValidationError)"
    assert fault(toy) == text
    assert fault(toy, k="1", x="1").startswith("Additional properties are not allowed ('x' was unexpected)")
    unreadable = fault(toy, k="abc")
    assert unreadable.startswith("'abc' is not valid under any of the given schemas")
    assert "Failed validating 'oneOf' in schema['properties']['k']" in unreadable
    assert "0 is not in [1, +inf), the range of k" in fault(toy, k="0")
    assert "'c' is not one of ['a', 'b']" in fault(toy, k="1", kind="c")
    refused = r"No iterator has been registered for ContentType \('image/png', '1.0'\)\. Registered are: text/csv"
    with pytest.raises(UserError, match=refused):
        toy.validate_channels({"train": {"ContentType": "image/png"}})


def test_channels() -> None:
    given = {"train": {"ContentType": "Text/CSV; label_size=2", "TrainingInputMode": "FastFile"}}
    train = TOY.validate_channels(given)["train"]
    assert train.content_type.media == "text/csv"
    assert train.content_type.label_size(default=1) == 2
    assert (train.mode, train.distribution) == ("FastFile", "FullyReplicated")
    csv = {"ContentType": "text/csv"}
    for faulty, text in (
        ({}, "Missing required channel: train"),
        ({"train": csv, "extra": csv}, "Extraneous channel found: extra"),
        ({"train": {}}, "Missing content type for channel: train"),
        ({"train": csv, "test": {**csv, "TrainingInputMode": "Pipe"}}, "Channel test: this algorithm can't read"),
        ({"train": {"ContentType": "image/png"}}, "image/png is not an accepted ContentType: text/csv."),
    ):
        with pytest.raises(UserError) as caught:
            TOY.validate_channels(faulty)
        assert str(caught.value).startswith(text)
    typed = replace(TOY, default_content_type="text/csv")
    assert typed.validate_channels({"train": {}})["train"].content_type.media == "text/csv"


def test_a_bad_label_size_is_the_users_fault() -> None:
    content_type = TOY.validate_channels({"train": {"ContentType": "text/csv;label_size=x"}})["train"].content_type
    with pytest.raises(UserError, match="label_size must be a whole number"):
        content_type.label_size(default=1)


def test_specifications() -> None:
    specification = TOY.training_specification()
    by_name = {each["Name"]: each for each in specification["SupportedHyperParameters"]}
    assert by_name["k"]["IsRequired"] is by_name["k"]["IsTunable"] is True
    bounds = {"MinValue": "1", "MaxValue": "2147483647"}
    assert by_name["k"]["Range"] == {"IntegerParameterRangeSpecification": bounds}
    assert by_name["rate"]["Type"] == "Continuous"
    assert by_name["strict"]["Range"] == {"CategoricalParameterRangeSpecification": {"Values": ["true", "false"]}}
    assert by_name["strict"]["DefaultValue"] == "false"
    goals = specification["SupportedTuningJobObjectiveMetrics"]
    assert goals == [{"Type": "Maximize", "MetricName": "test:score"}]
    ranges = TOY.recommended_ranges()
    assert [each["Name"] for kind in ranges.values() for each in kind] == ["k", "rate", "kind"]
