"""Customer churn: which customers of a telephone company will leave, by the best of several XGBoost models.

Run it: sagewright solutions run churn
"""

import datasets
from sagemaker import image_uris
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.model import Model
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner, IntegerParameter
from sagemaker.workflow.parameters import ParameterFloat, ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.steps import TuningStep
from solutions import steps
from solutions.running import INSTANCE, Solution

LIMIT = 0.9
JOBS = 10

solution = Solution("churn")
data = ParameterString("Data", solution.data(lambda: {"customers.csv": datasets.customers()}))
limit = ParameterFloat("Limit", LIMIT)

prepare = steps.script(solution, "Prepare", "preprocess.py", {"data": data}, ["train", "validation", "test", "truth"])
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
        "num_round": 120,
        "early_stopping_rounds": 15,
    },
)
channels = {
    name: TrainingInput(steps.output(prepare, name), content_type="text/csv") for name in ("train", "validation")
}
tuner = HyperparameterTuner(
    xgb,
    "validation:auc",
    {
        "max_depth": IntegerParameter(2, 8),
        "eta": ContinuousParameter(0.03, 0.4, scaling_type="Logarithmic"),
        "subsample": ContinuousParameter(0.5, 1),
        "colsample_bytree": ContinuousParameter(0.4, 1),
        "min_child_weight": ContinuousParameter(1, 20, scaling_type="Logarithmic"),
    },
    max_jobs=JOBS,
    max_parallel_jobs=2,
    random_seed=0,
    tags=solution.tags,
)
tune = TuningStep("Tune", step_args=tuner.fit(channels))
artefact = tune.get_top_model_s3_uri(top_k=0, s3_bucket=solution.bucket, prefix=f"solutions/{solution.name}/models")
model = Model(image, artefact, role=solution.role, sagemaker_session=solution.session)
create, score = steps.scores(
    solution,
    model,
    steps.output(prepare, "test"),
    "text/csv",
    split_type="Line",
    strategy="MultiRecord",
    assemble_with="Line",
)
evaluate, numbers = steps.evaluation(
    solution, {"scores": solution.each("scores"), "truth": steps.output(prepare, "truth")}, [score]
)
check = steps.checked(solution, model, numbers, ("at least", limit), ("text/csv", "text/csv"))

solution.execute(
    Pipeline(
        solution.pipeline,
        [data, limit],
        steps=[prepare, tune, create, score, evaluate, check],
        sagemaker_session=solution.session,
    )
)
best = solution.best("Tune")
print(f"best      {best}", flush=True)
solution.deploy()

rows = solution.output("Prepare", "test", "customers.csv").decode().splitlines()[:20]
answers = [float(each) for each in solution.ask("text/csv", "\n".join(rows), "text/csv").replace(",", "\n").split()]
expected = [float(each) for each in solution.scores("customers.csv").split()[:20]]
assert max(abs(one - other) for one, other in zip(answers, expected, strict=True)) < 1e-5, (answers, expected)
solution.finish("at least", LIMIT)
