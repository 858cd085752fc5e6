"""The monitors of a predictor's endpoint, and the clean-up of SDK v2 that looks for them first."""

from sagemaker import Session, get_execution_role
from sagemaker.model_monitor.model_monitoring import DefaultModelMonitor
from sagemaker.predictor import Predictor

session, role = Session(), get_execution_role()
client = session.sagemaker_client
image = f"683313688378.dkr.ecr.{session.boto_region_name}.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
client.create_model(ModelName="monitored-v2", PrimaryContainer={"Image": image}, ExecutionRoleArn=role)
variant = {"VariantName": "all", "ModelName": "monitored-v2", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
client.create_endpoint_config(EndpointConfigName="monitored-v2", ProductionVariants=[variant])
client.create_endpoint(EndpointName="monitored-v2", EndpointConfigName="monitored-v2")
predictor = Predictor("monitored-v2", sagemaker_session=session)
try:
    print("monitors:", predictor.list_monitors())
    DefaultModelMonitor(role, sagemaker_session=session)
    try:
        session.describe_monitoring_schedule("none")
    except client.exceptions.ResourceNotFound:
        print("schedule: none")
finally:
    for _ in range(100):
        if client.describe_endpoint(EndpointName="monitored-v2")["EndpointStatus"] not in {"Creating", "Updating"}:
            break
        __import__("time").sleep(0.2)
    predictor.delete_endpoint()
