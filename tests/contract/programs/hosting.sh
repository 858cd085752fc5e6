# An endpoint by the AWS CLI alone: hosting.sh IMAGE ROLE
set -euo pipefail
container="Image=$1,ModelDataUrl=s3://hosting/by-cli/model.tar.gz,Environment={SAGEMAKER_MODEL_SERVER_WORKERS=1}"
aws sagemaker create-model --model-name by-cli --execution-role-arn "$2" --primary-container "$container" >/dev/null
aws sagemaker create-endpoint-config --endpoint-config-name by-cli --production-variants \
    VariantName=by-cli,ModelName=by-cli,InitialInstanceCount=1,InstanceType=ml.m5.large >/dev/null
aws sagemaker create-endpoint --endpoint-name by-cli --endpoint-config-name by-cli >/dev/null
aws sagemaker wait endpoint-in-service --endpoint-name by-cli
aws sagemaker describe-endpoint --endpoint-name by-cli --output text \
    --query '[EndpointStatus, to_string(ProductionVariants[0].CurrentInstanceCount)]'
aws sagemaker-runtime invoke-endpoint --endpoint-name by-cli --content-type text/plain \
    --body hello --output text --query '[ContentType, InvokedProductionVariant]' answer
cat answer
echo
aws sagemaker delete-endpoint --endpoint-name by-cli
aws sagemaker wait endpoint-deleted --endpoint-name by-cli
aws sagemaker delete-endpoint-config --endpoint-config-name by-cli
aws sagemaker delete-model --model-name by-cli
aws sagemaker list-endpoints --name-contains by-cli --query 'length(Endpoints)'
