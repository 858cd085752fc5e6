"""The parts of the SageMaker XGBoost container that scripts import."""
