"""`with_fastapi.py MODEL PORT`: as FastAPI's documentation serves a model."""

import sys

import joblib
import numpy as np
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

app, model = FastAPI(), joblib.load(sys.argv[1])


class Rows(BaseModel):
    instances: list[list[float]]


@app.post("/predict")
def predict(rows: Rows) -> dict[str, list[int]]:
    return {"predictions": model.predict(np.asarray(rows.instances)).astype(int).tolist()}


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
