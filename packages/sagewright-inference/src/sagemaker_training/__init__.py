"""The parts of the SageMaker training toolkit that training scripts import. Sagewright has its own launchers."""
