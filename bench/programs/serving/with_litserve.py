"""`with_litserve.py MODEL PORT`: as LitServe's documentation serves a model."""

import sys

import joblib
import litserve
import numpy as np


class Api(litserve.LitAPI):
    def setup(self, _device: str) -> None:
        self.model = joblib.load(sys.argv[1])

    def decode_request(self, request: dict) -> np.ndarray:
        return np.asarray(request["instances"])

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self.model.predict(rows)

    def encode_response(self, output: np.ndarray) -> dict:
        return {"predictions": output.astype(int).tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Api(), accelerator="cpu")
    server.run(host="127.0.0.1", port=int(sys.argv[2]), generate_client_file=False, log_level="warning")
