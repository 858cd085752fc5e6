"""AWS Resource Groups: what SageMaker's collections of model package groups are made of."""
