"""A user's program on SDK v2 or v3: what the server has noted of a training job, a package and an endpoint, asked from each."""

import importlib
import sys

ROOT, JOB, PACKAGE, ENDPOINT = sys.argv[1:5]  # ROOT: sagemaker.lineage or sagemaker.core.lineage
artifact, context, part, query, visualizer = (
    importlib.import_module(f"{ROOT}.{name}")
    for name in ("artifact", "context", "lineage_trial_component", "query", "visualizer")
)
if ROOT == "sagemaker.lineage":
    from sagemaker import Session
else:
    from sagemaker.core.helper.session_helper import Session

session = Session()
client = session.sagemaker_client
its = {"sagemaker_session": session}
endpoint_arn = client.describe_endpoint(EndpointName=ENDPOINT)["EndpointArn"]
name = client.list_contexts(SourceUri=endpoint_arn)["ContextSummaries"][0]["ContextName"]
endpoint = context.EndpointContext.load(context_name=name, **its)
print("jobs:", [one.rpartition("/")[2] == JOB for one in endpoint.training_job_arns()])
print("data:", [one.source.source_uri for one in endpoint.dataset_artifacts()])
print("components:", [one.trial_component_name == f"{JOB}-aws-training-job" for one in endpoint.trial_components()])
print("processing:", endpoint.processing_jobs(), endpoint.transform_jobs())
print("execution:", endpoint.pipeline_execution_arn())
up = query.LineageQueryDirectionEnum.ASCENDANTS
print("actions:", sorted(one.action_type for one in endpoint.actions(up)))

component = part.LineageTrialComponent.load(trial_component_name=f"{JOB}-aws-training-job", **its)
models = component.models()
print("models:", len(models), {type(one).__name__ for one in models})
print("its data:", [one.source.source_uri for one in component.dataset_artifacts()])
data = component.dataset_artifacts()[0]
print("endpoints of the data:", [one.context_name == name for one in data.endpoint_contexts()])
(group,) = client.list_contexts(
    ContextType="ModelGroup", SourceUri=PACKAGE.replace("model-package/", "model-package-group/").rpartition("/")[0]
)["ContextSummaries"]
print(
    "group's execution:",
    context.ModelPackageGroup.load(context_name=group["ContextName"], **its).pipeline_execution_arn(),
)

table = visualizer.LineageTableVisualizer(session)
for shown in ({"training_job_name": JOB}, {"model_package_arn": PACKAGE}, {"endpoint_arn": endpoint_arn}):
    rows = table.show(**shown)[["Direction", "Type", "Association Type", "Lineage Type"]].values
    print(f"{next(iter(shown))}:", sorted(map(tuple, rows)))
