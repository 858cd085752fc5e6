"""What scripts import from the SageMaker XGBoost container."""
