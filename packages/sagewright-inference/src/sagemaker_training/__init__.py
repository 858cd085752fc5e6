"""What scripts that train import from the SageMaker training toolkit. The toolkit's launchers are Sagewright's own."""
