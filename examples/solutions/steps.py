"""Steps that all solutions have: scripts, a model and its scores, and the condition that registers it."""

from sagemaker.processing import FrameworkProcessor, ProcessingInput, ProcessingOutput
from sagemaker.sklearn.estimator import SKLearn
from sagemaker.transformer import Transformer
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionGreaterThanOrEqualTo, ConditionLessThanOrEqualTo
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.functions import Join, JsonGet
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.steps import ProcessingStep, TransformStep
from solutions.running import INSTANCE

HERE = "/opt/ml/processing"
CONDITIONS = {"at least": ConditionGreaterThanOrEqualTo, "at most": ConditionLessThanOrEqualTo}


def script(solution, name, code, inputs, outputs, **more):
    """Run a script of the solution's folder: `inputs` (folder -> S3) and `outputs` are folders below /opt/ml/processing."""
    processor = FrameworkProcessor(
        estimator_cls=SKLearn,
        framework_version="1.2-1",
        role=solution.role,
        instance_type=INSTANCE,
        instance_count=1,
        sagemaker_session=solution.session,
        tags=solution.tags,
    )
    kept = {"evaluation": solution.each("evaluation")}  # where the report's link and the last line find it
    arguments = processor.run(
        code=code,
        source_dir=str(solution.folder),
        dependencies=[str(solution.folder.parent / "report.py"), str(solution.folder.parents[1] / "datasets.py")],
        inputs=[ProcessingInput(source=uri, destination=f"{HERE}/{folder}") for folder, uri in inputs.items()],
        outputs=[
            ProcessingOutput(output_name=each, source=f"{HERE}/{each}", destination=kept.get(each)) for each in outputs
        ],
    )
    return ProcessingStep(name, step_args=arguments, **more)


def output(step, name):
    """The S3 URI of an output of a script."""
    return step.properties.ProcessingOutputConfig.Outputs[name].S3Output.S3Uri


def scores(solution, model, data, content_type, **transform):
    """Create the model and let a transform job score `data`."""
    create = ModelStep("Model", step_args=model.create(instance_type=INSTANCE))
    transformer = Transformer(
        model_name=create.properties.ModelName,
        instance_count=1,
        instance_type=INSTANCE,
        output_path=solution.each("scores"),
        sagemaker_session=solution.session,
        tags=solution.tags,
        **{name: transform.pop(name) for name in ("strategy", "assemble_with", "accept") if name in transform},
    )
    return create, TransformStep(
        "Score", step_args=transformer.transform(data, content_type=content_type, **transform), depends_on=[create]
    )


def evaluation(solution, inputs, depends_on):
    """Run evaluate.py, which leaves evaluation.json and report.html."""
    numbers = PropertyFile("Numbers", output_name="evaluation", path="evaluation.json")
    return script(
        solution, "Evaluate", "evaluate.py", inputs, ["evaluation"], property_files=[numbers], depends_on=depends_on
    ), numbers


def checked(solution, model, numbers, bound, types):
    """Register the model as approved if the measure keeps its bound; else fail and say it. `types`: of requests and answers."""
    (words, limit), (accepts, answers) = bound, types
    condition = CONDITIONS[words](JsonGet(step_name="Evaluate", property_file=numbers, json_path="value"), limit)
    register = model.register(
        content_types=[accepts],
        response_types=[answers],
        inference_instances=[INSTANCE],
        model_package_group_name=solution.group,
        approval_status="Approved",
    )
    reason = [f"The measure is not {words} ", limit, "; evaluation.json of the step Evaluate has it."]
    return ConditionStep(
        "GoodEnough",
        conditions=[condition],
        if_steps=[ModelStep("Register", step_args=register)],
        else_steps=[FailStep("NotGoodEnough", error_message=Join(on="", values=reason))],
    )
