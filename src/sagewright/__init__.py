"""An open SageMaker that you run yourself."""
