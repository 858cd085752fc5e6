"""The catalogue as the server uses it: fast, with only the standard library, and true to the contract."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import botocore.session
import pytest
from botocore.validate import ParamValidator

from sagewright.algorithms.schema import catalogue, reference

ROOT = Path(__file__).parents[4]
ALGORITHMS = pytest.mark.parametrize("name", catalogue.declarations())


@pytest.mark.parametrize("repository", ["xgboost", "sagemaker-xgboost"])
def test_repositories_are_found(repository: str) -> None:
    declaration = catalogue.find(repository)
    assert declaration is not None
    assert declaration.name == "xgboost"


def test_others_are_not() -> None:
    assert catalogue.find("my-own-image") is None
    assert catalogue.metric_definitions("my-own-image") == []


def test_the_server_needs_the_standard_library_alone() -> None:
    code = (
        "import sys; from sagewright.algorithms.schema import catalogue; catalogue.metric_definitions('xgboost');"
        "own = {name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names);"
        "print(sorted(name for name in own if name not in {'__main__', 'sagewright'} and not name.startswith('_')))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT / "src")},
    )
    assert done.stdout.strip() == "[]"


def test_xgboosts_metrics_read_the_log_as_the_platform_shows_it() -> None:
    definitions = {each["Name"]: each["Regex"] for each in catalogue.metric_definitions("xgboost")}
    assert definitions["validation:auc"] == r".*\[[0-9]+\].*#011validation-auc:(\S+)"
    line = "[12]\ttrain-auc:0.91234\tvalidation-auc:0.89000".replace("\t", "#011")
    values = {name: match[1] for name, regex in definitions.items() if (match := re.search(regex, line))}
    assert values["validation:auc"] == "0.89000"
    assert values["train:auc"].startswith("0.91234")
    assert set(values) == {"validation:auc", "train:auc"}
    names = {"accuracy", "auc", "error", "f1", "logloss", "mae", "map", "merror", "mlogloss", "mse", "ndcg", "rmse"}
    assert {f"validation:{name}" for name in names} <= set(definitions)


@ALGORITHMS
def test_repositories_and_names_are_unique(name: str) -> None:
    declaration = catalogue.declarations()[name]
    names = [each for one in declaration.hyperparameters for each in (one.name, *one.aliases)]
    assert len(names) == len(set(names))
    others = [each for other in catalogue.declarations().values() if other.name != name for each in other.repositories]
    assert not set(declaration.repositories) & set(others)


@ALGORITHMS
def test_defaults_and_recommended_ranges_are_values(name: str) -> None:
    for each in catalogue.declarations()[name].hyperparameters:
        for text in (each.default, *(each.recommended or ())):
            if text is not None:
                assert each.domain.parse(text) in each.domain, (each.name, text)


@ALGORITHMS
def test_metric_regexes_have_one_group(name: str) -> None:
    for metric in catalogue.declarations()[name].metrics:
        assert re.compile(metric.regex).groups == 1
        assert len(metric.regex) <= 500
        assert len(metric.name) <= 255


@ALGORITHMS
def test_the_specification_is_one_that_botocore_knows(name: str) -> None:
    model = botocore.session.get_session().get_service_model("sagemaker")
    image = f"000000000000.dkr.ecr.us-east-1.amazonaws.com/{name}:1"
    specification = {
        "TrainingImage": image,
        "SupportedTrainingInstanceTypes": ["ml.m5.large"],
        **catalogue.declarations()[name].training_specification(),
    }
    report = ParamValidator().validate(specification, model.shape_for("TrainingSpecification"))
    assert not report.has_errors(), report.generate_report()
    ranges = catalogue.declarations()[name].recommended_ranges()
    report = ParamValidator().validate(ranges, model.shape_for("ParameterRanges"))
    assert not report.has_errors(), report.generate_report()


@ALGORITHMS
def test_the_reference_page_says_what_the_declaration_says(name: str) -> None:
    path = ROOT / "docs" / "reference" / "algorithms" / f"{name}.md"
    page = path.read_text()
    text = "run: python -m sagewright.algorithms.schema.reference docs/reference/algorithms"
    assert page == reference.updated(page, catalogue.declarations()[name]), text


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks the marks"):
        reference.updated("# Page", catalogue.declarations()["xgboost"])
