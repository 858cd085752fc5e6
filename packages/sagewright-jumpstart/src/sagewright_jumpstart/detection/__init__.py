"""Object detection: a network of TensorFlow.js's format that torch runs, its decoding, and its server."""
