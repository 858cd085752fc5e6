"""A user's pipeline on SDK v3 with steps that record lineage, run twice."""

import boto3
from sagemaker.core.helper.session_helper import get_execution_role
from sagemaker.core.lineage.action import Action
from sagemaker.core.lineage.artifact import Artifact
from sagemaker.core.lineage.context import Context
from sagemaker.core.workflow.conditions import ConditionEquals
from sagemaker.core.workflow.parameters import ParameterString
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.lineage_step import LineageAssociation, LineageEntityReference, LineageStep
from sagemaker.mlops.workflow.pipeline import Pipeline

session, client = PipelineSession(), boto3.client("sagemaker")
before = client.create_artifact(Source={"SourceUri": "s3://lineage-v3/raw"}, ArtifactType="DataSet")["ArtifactArn"]
uri = ParameterString(name="Uri", default_value="s3://lineage-v3/model")
its = {"sagemaker_session": session}
step = LineageStep(
    name="Record",
    actions=[
        Action.create(action_name="by-step", source_uri="s3://x", source_type="S3", action_type="Training", **its)
    ],
    artifacts=[Artifact.create(artifact_name="of-step", source_uri=uri, artifact_type="Model", **its)],
    contexts=[Context.create(context_name="around-step", source_uri="x", context_type="Project", **its)],
    associations=[
        LineageAssociation(
            LineageEntityReference(arn=before), LineageEntityReference(name="by-step", type="Action"), "ContributedTo"
        ),
        LineageAssociation(
            LineageEntityReference(name="by-step", type="Action"),
            LineageEntityReference(name="of-step", type="Artifact"),
            "Produced",
        ),
        LineageAssociation(
            LineageEntityReference(name="of-step", type="Artifact"),
            LineageEntityReference(name="around-step", type="Context"),
        ),
    ],
)
check = ConditionStep(
    name="Check",
    conditions=[
        ConditionEquals(
            left=step.properties.ActionArns["by-step"],
            right="arn:aws:sagemaker:us-east-1:000000000000:action/by-step",
        )
    ],
    if_steps=[],
    else_steps=[FailStep(name="Other", error_message="it has another ARN")],
)
pipeline = Pipeline("lineage-v3", parameters=[uri], steps=[step, check], sagemaker_session=session)
pipeline.upsert(role_arn=get_execution_role())
for number in ("first", "second"):
    execution = pipeline.start()
    execution.wait(delay=1, max_attempts=60)
    described = {one["StepName"]: one for one in execution.list_steps()}
    print(f"{number}:", execution.describe()["PipelineExecutionStatus"], described["Record"]["StepStatus"])
    metadata = described["Record"]["Metadata"]["Lineage"]
    print("metadata:", sorted(metadata), len(metadata["Associations"]))
model = client.list_artifacts(SourceUri="s3://lineage-v3/model")["ArtifactSummaries"][0]["ArtifactArn"]
found = client.query_lineage(StartArns=[model])
print("graph:", sorted(one["Type"] for one in found["Vertices"]), len(found["Edges"]))
