"""Two models behind one endpoint, 70/30, with SDK v2. Run it: sagewright exec -- python deploy_and_compare.py"""

import collections
import time

import boto3
import datasets
import sagemaker
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.session import production_variant

session = sagemaker.Session()
bucket, endpoint = session.default_bucket(), f"churn-{int(time.time())}"
train, validation = datasets.churn()
datasets.put(bucket, {"churn/train/train.csv": train, "churn/validation/validation.csv": validation})

variants = []
for name, depth, weight in (("shallow", 1, 7), ("deep", 6, 3)):
    estimator = Estimator(
        sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1"),
        role=sagemaker.get_execution_role(),
        instance_type="ml.m5.large",
        instance_count=1,
        output_path=f"s3://{bucket}/churn/output",
        hyperparameters={"objective": "binary:logistic", "num_round": 30, "max_depth": depth},
    )
    estimator.fit({"train": TrainingInput(f"s3://{bucket}/churn/train/", content_type="text/csv")}, logs=False)
    model = session.create_model(f"{endpoint}-{name}", estimator.role, estimator.create_model().prepare_container_def())
    variants.append(production_variant(model, "ml.m5.large", variant_name=name, initial_weight=weight))

start = time.monotonic()
session.endpoint_from_production_variants(endpoint, variants)
print(f"in service after {time.monotonic() - start:.1f} s")

runtime = boto3.client("sagemaker-runtime")
right = collections.defaultdict(list)
for line in validation.decode().splitlines():
    label, _, features = line.partition(",")
    told = runtime.invoke_endpoint(EndpointName=endpoint, Body=features, ContentType="text/csv")
    right[told["InvokedProductionVariant"]].append((float(told["Body"].read()) > 0.5) == (float(label) > 0.5))
for name, found in sorted(right.items()):
    print(f"{name}: {len(found)} requests, {sum(found) / len(found):.3f} of them right")

best = max(right, key=lambda name: sum(right[name]) / len(right[name]))
weights = [{"VariantName": name, "DesiredWeight": float(name == best)} for name in right]
session.sagemaker_client.update_endpoint_weights_and_capacities(
    EndpointName=endpoint, DesiredWeightsAndCapacities=weights
)
session.wait_for_endpoint(endpoint)
print(f"all requests go to {best} from now on")
session.delete_endpoint(endpoint)
