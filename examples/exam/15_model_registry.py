"""Version and approve models before they deploy: Model Registry.

Run it: sagewright examples run model_registry
"""

import uuid

import datasets
import result
import sagemaker
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.model import ModelPackage
from sagemaker.predictor import Predictor
from sagemaker.serializers import CSVSerializer
from sklearn.metrics import roc_auc_score

session, role = sagemaker.Session(), sagemaker.get_execution_role()
bucket, group = session.default_bucket(), f"exam-{uuid.uuid4().hex[:8]}"
train, validation = datasets.churn()
datasets.put(bucket, {"exam/churn/train/data.csv": train})
labels, rows = datasets.labels_and_rows(validation)
predictor = Predictor(group, session, CSVSerializer())
auc = []
for depth in (1, 5):
    xgb = Estimator(
        sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1"), role, 1, "ml.m5.large",
        output_path=f"s3://{bucket}/exam/output",
        hyperparameters={"objective": "binary:logistic", "num_round": 20, "max_depth": depth},
    )  # fmt: skip
    xgb.fit({"train": TrainingInput(f"s3://{bucket}/exam/churn/train", content_type="text/csv")}, logs=False)
    version = xgb.register(
        content_types=["text/csv"], response_types=["text/csv"], inference_instances=["ml.m5.large"],
        model_package_group_name=group, approval_status="PendingManualApproval",
    )  # fmt: skip
    model = ModelPackage(role, model_package_arn=version.model_package_arn, sagemaker_session=session)
    version.update_approval_status("Approved", approval_description="better on held-out customers")
    if depth == 1:
        model.deploy(1, "ml.m5.large", endpoint_name=group)
    else:
        model.create(instance_type="ml.m5.large")
        predictor.update_endpoint(initial_instance_count=1, instance_type="ml.m5.large", model_name=model.name)
    scores = predictor.predict(rows).decode().replace("\n", ",").strip(",").split(",")
    auc.append(roc_auc_score(labels, [float(score) for score in scores]))
predictor.delete_endpoint()
print(f"AUC of the endpoint: version 1 {auc[0]:.3f}, version 2 {auc[1]:.3f}")
result.check("AUC after version 2 was approved", auc[1], above=auc[0] + 0.01, page=f"models/{group}/2")
