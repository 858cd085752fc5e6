"""What scripts import from the SageMaker containers toolkit, which came before the inference toolkit."""
