"""Explained credit decisions: which loans are paid back, by XGBoost, with Clarify's reports on bias and on reasons.

Run it: sagewright solutions run credit
"""

import datasets
from sagemaker import image_uris
from sagemaker.clarify import BiasConfig, DataConfig, ModelConfig, ModelPredictedLabelConfig, SHAPConfig
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.model import Model
from sagemaker.workflow.check_job_config import CheckJobConfig
from sagemaker.workflow.clarify_check_step import (
    ClarifyCheckStep,
    ModelBiasCheckConfig,
    ModelExplainabilityCheckConfig,
)
from sagemaker.workflow.functions import Join
from sagemaker.workflow.parameters import ParameterFloat, ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.steps import TrainingStep
from solutions import steps
from solutions.running import INSTANCE, Solution

LIMIT = 0.75
THRESHOLD = 0.5

solution = Solution("credit")
data = ParameterString("Data", solution.data(lambda: {"applications.csv": datasets.credit_applications()}))
limit = ParameterFloat("Limit", LIMIT)
headers = solution.header("applications.csv")
headers.insert(0, headers.pop(headers.index("good")))

outputs = ["train", "validation", "test", "explained", "truth"]
prepare = steps.script(solution, "Prepare", "preprocess.py", {"data": data}, outputs)
image = image_uris.retrieve("xgboost", solution.region, "1.7-1")
xgb = Estimator(
    image,
    solution.role,
    1,
    INSTANCE,
    output_path=f"{solution.uri}/models",
    sagemaker_session=solution.session,
    tags=solution.tags,
    hyperparameters={
        "objective": "binary:logistic",
        "eval_metric": "auc",
        "num_round": 80,
        "max_depth": 3,
        "eta": 0.1,
        "subsample": 0.8,
        "colsample_bytree": 0.6,
    },
)
channels = {
    name: TrainingInput(steps.output(prepare, name), content_type="text/csv") for name in ("train", "validation")
}
train = TrainingStep("Train", step_args=xgb.fit(channels))
artefact = train.properties.ModelArtifacts.S3ModelArtifacts
model = Model(image, artefact, role=solution.role, sagemaker_session=solution.session)
create, score = steps.scores(
    solution, model, steps.output(prepare, "test"), "text/csv",
    split_type="Line", strategy="MultiRecord", assemble_with="Line",
)  # fmt: skip


def clarify(name, config, **settings):
    """Run an analysis of Clarify on the loans that the model has not seen; its report is below clarify/<name>/."""
    explained = DataConfig(
        s3_data_input_path=steps.output(prepare, "explained"),
        s3_output_path=Join(on="/", values=[solution.each("clarify"), name]),
        s3_analysis_config_output_path=f"{solution.uri}/clarify/configuration/{name}",
        label="good",
        headers=headers,
        dataset_type="text/csv",
        excluded_columns=["sex"],  # the model never sees it; Clarify compares its decisions by it
    )
    asked = ModelConfig(
        model_name=create.properties.ModelName, instance_count=1, instance_type=INSTANCE,
        content_type="text/csv", accept_type="text/csv",
    )  # fmt: skip
    return ClarifyCheckStep(
        f"Clarify{name.capitalize()}",
        config(data_config=explained, model_config=asked, **settings),
        CheckJobConfig(
            role=solution.role, instance_count=1, instance_type=INSTANCE, sagemaker_session=solution.session
        ),
        skip_check=True,
        register_new_baseline=True,
    )


groups = BiasConfig(
    label_values_or_threshold=[1], facet_name=["sex", "age"], facet_values_or_threshold=[["female"], [25]]
)
labels = ModelPredictedLabelConfig(probability_threshold=THRESHOLD)
bias = clarify("bias", ModelBiasCheckConfig, data_bias_config=groups, model_predicted_label_config=labels)
shap = SHAPConfig(num_clusters=1, num_samples=200, agg_method="mean_abs", save_local_shap_values=True)
reasons = clarify("reasons", ModelExplainabilityCheckConfig, explainability_config=shap)

inputs = {
    "scores": solution.each("scores"),
    "truth": steps.output(prepare, "truth"),
    "clarify": solution.each("clarify"),
}
evaluate, numbers = steps.evaluation(solution, inputs, [score, bias, reasons])
check = steps.checked(solution, model, numbers, ("at least", limit), ("text/csv", "text/csv"))
solution.execute(
    Pipeline(
        solution.pipeline,
        [data, limit],
        steps=[prepare, train, create, score, bias, reasons, evaluate, check],
        sagemaker_session=solution.session,
    )
)
solution.deploy()

rows = solution.output("Prepare", "test", "applications.csv").decode().splitlines()[:20]
answers = [float(each) for each in solution.ask("text/csv", "\n".join(rows), "text/csv").replace(",", "\n").split()]
expected = [float(each) for each in solution.scores("applications.csv").split()[:20]]
assert max(abs(one - other) for one, other in zip(answers, expected, strict=True)) < 1e-5, (answers, expected)
for name in ("bias", "reasons"):
    link = solution.publish(f"{solution.uri}/clarify/{solution.execution}/{name}/report.html", f"{name}.html")
    print(f"report    {solution.studio(link)}")
solution.finish("at least", LIMIT)
