"""Images: decoding, pixels, RecordIO, and the answers of models of images. Imports no training."""
