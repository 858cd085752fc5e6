"""Image classification as SageMaker's built-in algorithm: residual networks of 18 to 200 layers, and of 20 to 110 for small images.

Source: the contract's algorithms/image-classification.md and _deep.md; K. He et al., "Deep Residual Learning for Image
Recognition", CVPR 2016 (both forms); K. He et al., "Delving Deep into Rectifiers", ICCV 2015 (initial weights).
"""
