"""Customer churn: which customers of a telephone company will leave, by XGBoost.

Run it: sagewright solutions run churn
"""

import datasets
from sagemaker import image_uris
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.model import Model
from sagemaker.workflow.parameters import ParameterFloat, ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.steps import TrainingStep
from solutions import steps
from solutions.running import INSTANCE, Solution

LIMIT = 0.9

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
        "max_depth": 5,
        "eta": 0.1,
        "subsample": 0.8,
        "early_stopping_rounds": 15,
    },
)
channels = {
    name: TrainingInput(steps.output(prepare, name), content_type="text/csv") for name in ("train", "validation")
}
train = TrainingStep("Train", step_args=xgb.fit(channels))
artefact = train.properties.ModelArtifacts.S3ModelArtifacts
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
        steps=[prepare, train, create, score, evaluate, check],
        sagemaker_session=solution.session,
    )
)
solution.deploy()

rows = solution.output("Prepare", "test", "customers.csv").decode().splitlines()[:20]
answers = [float(each) for each in solution.ask("text/csv", "\n".join(rows), "text/csv").replace(",", "\n").split()]
expected = [float(each) for each in solution.scores("customers.csv").split()[:20]]
assert max(abs(one - other) for one, other in zip(answers, expected, strict=True)) < 1e-5, (answers, expected)
solution.finish("at least", LIMIT)
