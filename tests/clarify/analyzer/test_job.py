"""Where a job finds its configuration."""

import json

from sagewright.clarify.analyzer.job import ClarifyJob


def read(root, inputs):
    (root / "config").mkdir(exist_ok=True)
    described = {"ProcessingInputs": [{"InputName": name, "S3Input": {"LocalPath": path}} for name, path in inputs]}
    (root / "config" / "processingjobconfig.json").write_text(json.dumps(described))
    return ClarifyJob.read({"SAGEWRIGHT_ML_ROOT": str(root)})


def test_the_only_configuration_may_have_any_name(tmp_path):
    inputs = [("analysis_config", "/opt/ml/processing/input/config"), ("dataset", "/opt/ml/processing/input/data")]
    folder = tmp_path / "processing" / "input" / "config"
    folder.mkdir(parents=True)
    assert read(tmp_path, inputs).config == folder / "analysis_config.json"
    (folder / "bias_analysis_config.json").write_text("{}")
    assert read(tmp_path, inputs).config == folder / "bias_analysis_config.json"
    (folder / "other.json").write_text("{}")
    assert read(tmp_path, inputs).config == folder / "analysis_config.json"
    (folder / "analysis_config.json").write_text("{}")
    assert read(tmp_path, inputs).config == folder / "analysis_config.json"
