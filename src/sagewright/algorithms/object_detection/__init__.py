"""Object detection as SageMaker's built-in algorithm: boxes around objects and their classes, by a single-shot detector (SSD).

Source: the contract's algorithms/object-detection.md and _deep.md; W. Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016.
"""
