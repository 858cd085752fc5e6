"""A user's program on SDK v2 or v3: entities of lineage made by hand, what leads to them, and tables of both."""

import importlib
import sys

ROOT = sys.argv[1]  # sagemaker.lineage or sagemaker.core.lineage
action, artifact, association, context, query, visualizer = (
    importlib.import_module(f"{ROOT}.{name}")
    for name in ("action", "artifact", "association", "context", "query", "visualizer")
)
if ROOT == "sagemaker.lineage":
    from sagemaker import Session
else:
    from sagemaker.core.helper.session_helper import Session

session = Session()
mark = ROOT.replace(".", "-")
its = {"sagemaker_session": session}
data = artifact.DatasetArtifact.create(
    artifact_name=f"{mark}-data", source_uri=f"s3://{mark}/data", artifact_type="DataSet", properties={"a": "1"}, **its
)
image = artifact.ImageArtifact.create(source_uri=f"{mark}:1", artifact_type="Image", **its)
model = artifact.ModelArtifact.create(source_uri=f"s3://{mark}/model", artifact_type="Model", **its)
deployment = action.Action.create(
    action_name=f"{mark}-deploy", source_uri="x", source_type="ARN", action_type="ModelDeployment", **its
)
endpoint = context.EndpointContext.create(
    context_name=f"{mark}-endpoint", source_uri=f"{mark}:endpoint", context_type="Endpoint", **its
)


def arn(one):
    names = ("artifact_arn", "action_arn", "context_arn")
    return next(getattr(one, name) for name in names if getattr(one, name, None))


def link(source, destination, kind="ContributedTo"):
    return association.Association.create(
        source_arn=arn(source), destination_arn=arn(destination), association_type=kind, **its
    )


link(data, model)
link(image, model)
link(model, deployment)
link(deployment, endpoint, "AssociatedWith")

data = artifact.DatasetArtifact.load(data.artifact_arn, **its)
data.properties["b"] = "2"
data.properties_to_remove = ["a"]
data.save()
data.set_tag({"Key": "team", "Value": "x"})
print("properties:", artifact.Artifact.load(data.artifact_arn, **its).properties)
print("tags:", session.sagemaker_client.list_tags(ResourceArn=data.artifact_arn)["Tags"])
deployment.status = "Completed"
deployment.save()
print("status:", action.Action.load(deployment.action_name, **its).status)
print("by uri:", [one.artifact_type for one in artifact.Artifact.list(source_uri=f"s3://{mark}/data", **its)])
print("contexts:", [one.context_name for one in context.Context.list(context_type="Endpoint", max_results=100, **its)])
found = association.Association.list(destination_arn=model.artifact_arn, sort_by="SourceType", **its)
print("inputs:", sorted(one.source_type for one in found))

up, down = query.LineageQueryDirectionEnum.ASCENDANTS, query.LineageQueryDirectionEnum.DESCENDANTS
result = query.LineageQuery(session).query(start_arns=[model.artifact_arn])
print("graph:", sorted(one.lineage_source for one in result.vertices), len(result.edges))
print("elements:", len(result._get_visualization_elements()["nodes"]))
kept = query.LineageFilter(
    entities=[query.LineageEntityEnum.ARTIFACT], sources=[query.LineageSourceEnum.DATASET], properties={"b": "2"}
)
result = query.LineageQuery(session).query(start_arns=[endpoint.context_arn], query_filter=kept, direction=up)
print("filtered:", [type(one.to_lineage_object()).__name__ for one in result.vertices])
print("datasets:", [one.artifact_name == f"{mark}-data" for one in endpoint.dataset_artifacts()])
print("endpoints:", [one.destination_name for one in model.endpoints()])
print("endpoint contexts:", [one.context_name for one in model.endpoint_contexts()])
print("data's endpoints:", [type(one).__name__ for one in data.endpoint_contexts()])
print("actions:", [one.action_name for one in endpoint.actions(up)])
print("deployed:", [one.artifact_type for one in deployment.artifacts(up)].count("Model"))
back = link(endpoint, deployment)  # as the classes of endpoints look for models
link(deployment, model)
print("models:", [one.destination_type for one in endpoint.models()])
print("models too:", [type(one).__name__ for one in endpoint.models_v2()])
back.delete()

table = visualizer.LineageTableVisualizer(session).show(artifact_arn=model.artifact_arn)
print("table:", sorted(map(tuple, table[["Direction", "Type", "Lineage Type"]].values)))
for one in (data, image, model, deployment, endpoint):
    one.delete(disassociate=True)
print("left:", [one.artifact_arn for one in artifact.Artifact.list(source_uri=f"s3://{mark}/data", **its)])

if ROOT != "sagemaker.lineage":
    from sagemaker.core import resources, shapes

    made = resources.Artifact.create(
        source=shapes.ArtifactSource(source_uri=f"s3://{mark}/resource"), artifact_type="Model"
    )
    second = resources.Context.create(
        context_name=f"{mark}-resource", source=shapes.ContextSource(source_uri="x"), context_type="Endpoint"
    )
    resources.Association.add(source_arn=made.artifact_arn, destination_arn=second.context_arn)
    described = [
        one.source_arn == made.artifact_arn for one in resources.Association.get_all(destination_arn=second.context_arn)
    ]
    print("resources:", described, resources.Artifact.get(made.artifact_arn).artifact_type)
