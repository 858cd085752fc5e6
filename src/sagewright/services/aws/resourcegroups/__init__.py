"""AWS Resource Groups, on which SageMaker's collections of model package groups are based."""
