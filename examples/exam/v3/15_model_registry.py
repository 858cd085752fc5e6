"""Version and approve models before they deploy: Model Registry.

Run it: sagewright examples run model_registry --sdk v3
"""

import uuid

import datasets
import result
from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.resources import Endpoint, EndpointConfig, Model
from sagemaker.core.shapes import ContainerDefinition, ProductionVariant
from sagemaker.serve.model_builder import ModelBuilder
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData
from sklearn.metrics import roc_auc_score

session, role = Session(), get_execution_role()
bucket, group = session.default_bucket(), f"exam-{uuid.uuid4().hex[:8]}"
train, validation = datasets.churn()
datasets.put(bucket, {"exam/churn/train/data.csv": train})
labels, rows = datasets.labels_and_rows(validation)
image, auc = image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1"), []
data = InputData(channel_name="train", data_source=f"s3://{bucket}/exam/churn/train", content_type="text/csv")
for depth in (1, 5):
    name = f"{group}-{depth}"
    hyperparameters = {"objective": "binary:logistic", "num_round": 20, "max_depth": depth}
    compute = Compute(instance_type="ml.m5.large", instance_count=1)
    trainer = ModelTrainer(training_image=image, compute=compute, hyperparameters=hyperparameters, base_job_name=name)
    trainer.train([data], logs=False)
    artefact = trainer._latest_training_job.model_artifacts.s3_model_artifacts
    builder = ModelBuilder(image_uri=image, s3_model_data_url=artefact, instance_type="ml.m5.large")
    builder.build(model_name=f"{name}-draft")
    version = builder.register(model_package_group_name=group, content_types=["text/csv"], response_types=["text/csv"])
    session.sagemaker_client.update_model_package(ModelPackageArn=version, ModelApprovalStatus="Approved")
    Model.create(
        model_name=name, primary_container=ContainerDefinition(model_package_name=version), execution_role_arn=role
    )
    variant = ProductionVariant(
        variant_name="All", model_name=name, instance_type="ml.m5.large", initial_instance_count=1
    )
    EndpointConfig.create(endpoint_config_name=name, production_variants=[variant])
    if depth == 1:
        endpoint = Endpoint.create(endpoint_name=group, endpoint_config_name=name)
    else:
        endpoint.endpoint_config_name = name
        endpoint.update()
    endpoint.wait_for_status("InService")
    answer = endpoint.invoke(body=rows, content_type="text/csv", accept="text/csv").body.read().decode()
    auc.append(roc_auc_score(labels, [float(score) for score in answer.replace("\n", ",").strip(",").split(",")]))
endpoint.delete()
print(f"AUC of the endpoint: version 1 {auc[0]:.3f}, version 2 {auc[1]:.3f}")
result.check("AUC after version 2 was approved", auc[1], above=auc[0] + 0.01, page=f"models/{group}/2")
