"""Pictures by EfficientNet-Lite: ImageNet's labels, vectors, and classifiers that a job fine-tunes from one folder a class."""
