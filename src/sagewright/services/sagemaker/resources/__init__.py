"""Parts that every SageMaker resource shares: documents, tags, idempotent requests, checks of images, inputs and model data.

The lowest wing: every other wing imports it, and it imports none of them.
"""
