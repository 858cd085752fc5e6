"""Semantic segmentation as SageMaker's built-in algorithm: the class of each pixel, by a fully convolutional network, PSPNet or
DeepLabV3 on a dilated residual network.

Source: the contract's algorithms/semantic-segmentation.md and _deep.md; J. Long et al., "Fully Convolutional Networks for Semantic
Segmentation", CVPR 2015; H. Zhao et al., "Pyramid Scene Parsing Network", CVPR 2017; L.-C. Chen et al., "Rethinking Atrous
Convolution for Semantic Image Segmentation", 2017.
"""
