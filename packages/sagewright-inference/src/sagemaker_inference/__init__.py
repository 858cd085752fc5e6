"""The parts of the SageMaker inference toolkit that scripts import, on Sagewright's decoders and encoders."""

import sys

from sagemaker_inference import headers as utils

sys.modules["sagemaker_inference.utils"] = utils  # the toolkit's name for it

__all__ = ["utils"]
