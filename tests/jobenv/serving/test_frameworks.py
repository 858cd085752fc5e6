"""The defaults of frameworks, in an environment that has them all: `make packages`."""

from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from serving.conftest import Served

Make = Callable[..., None]
ROWS = [[1.0, 2.0, 3.0], [0.0, -1.0, 0.5]]


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Has a program make a model, in a separate process, for frameworks take long to end; the second time it is copied."""
    made: dict[tuple[str, ...], Path] = {}

    def run(program: str, place: Path, *arguments: str) -> None:
        if (program, *arguments) not in made:
            kept = made[program, *arguments] = tmp_path_factory.mktemp("made") / "model"
            subprocess.run([sys.executable, "-c", program, str(kept), *arguments], check=True)
        source = made[program, *arguments]
        if source.is_dir():
            shutil.copytree(source, place, dirs_exist_ok=True)
        else:
            shutil.copy(source, place)

    return run


TORCH = """
import sys, torch
model = torch.nn.Linear(3, 2)
with torch.no_grad():
    model.weight.copy_(torch.tensor([[1., 0., 0.], [0., 1., 1.]])); model.bias.zero_()
torch.jit.save(torch.jit.script(model), sys.argv[1]) if len(sys.argv) == 2 else torch.save(model.state_dict(), sys.argv[1])
"""
EXPECTED = [[1.0, 5.0], [0.0, -0.5]]


def test_a_program_that_is_missing_leaves_the_defaults(serve: Served, make: Make) -> None:
    """As in AWS's images of PyTorch, MXNet and Hugging Face; SDK v3's ModelBuilder names one that it doesn't bring."""
    make(TORCH, serve.model / "model.pth")
    server = serve("", "pytorch", SAGEMAKER_PROGRAM="inference.py")
    assert json.loads(server.invoke(json.dumps(ROWS).encode()).body) == EXPECTED
    assert "SAGEMAKER_PROGRAM names inference.py" in server.log


def test_pytorch_serves_torchscript_without_a_script(serve: Served, make: Make) -> None:
    make(TORCH, serve.model / "model.pth")
    server = serve("", "pytorch")
    assert json.loads(server.invoke(json.dumps(ROWS).encode()).body) == EXPECTED
    text = b"1,2,3\n0,-1,0.5\n"
    assert server.invoke(text, "text/csv", "text/csv").body == b"1.0,5.0\n0.0,-0.5\n"
    buffer = io.BytesIO()
    np.save(buffer, np.array(ROWS, np.float32))
    answer = server.invoke(buffer.getvalue(), "application/x-npy", "application/x-npy")
    assert np.load(io.BytesIO(answer.body)).tolist() == EXPECTED
    assert server.invoke(b"x", "image/png").status == 415
    assert server.invoke(b"[[1, 2]]").status == 500  # of another width


@pytest.mark.parametrize(
    ("names", "message"),
    [(["weights.pt"], "weights.pt is not TorchScript"), (["a.pt", "b.pth"], "Exactly one"), ([], "there are: none")],
)
def test_pytorch_says_why_a_model_needs_a_script(serve: Served, make: Make, names: list[str], message: str) -> None:
    for name in names:
        make(TORCH, serve.model / name, "weights alone")
    server = serve.start("", "pytorch")
    assert server.ended() == 1
    assert message in server.log


def test_a_script_of_awss_pytorch_examples(serve: Served, make: Make) -> None:
    make(TORCH, serve.model / "model.pth", "weights alone")
    server = serve(
        """
    import json, os, torch
    def model_fn(model_dir):
        model = torch.nn.Linear(3, 2)
        with open(os.path.join(model_dir, "model.pth"), "rb") as f:
            model.load_state_dict(torch.load(f))
        return model.eval()
    def input_fn(request_body, request_content_type):
        assert request_content_type == "application/json"
        return torch.tensor(json.loads(request_body)["inputs"], dtype=torch.float32)
    """,
        "pytorch",
        SAGEMAKER_MODEL_SERVER_WORKERS="2",
    )
    assert json.loads(server.invoke(json.dumps({"inputs": ROWS}).encode()).body) == EXPECTED


TENSORFLOW = """
import sys, tensorflow as tf
class Model(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])
    def one(self, x): return {"sum": tf.reduce_sum(x, 1)}
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text"), tf.TensorSpec([None], tf.int32, "times")])
    def two(self, text, times): return {"length": tf.strings.length(text) * times, "text": text}
model = Model()
tf.saved_model.save(model, sys.argv[1], {"serving_default": model.one, "two": model.two})
"""


@pytest.fixture
def tensorflow(serve: Served, make: Make) -> Any:
    make(TENSORFLOW, serve.model / "model" / "3")
    return serve("", "tensorflow")


def test_tensorflow_serves_a_saved_model_by_the_forms_of_tensorflow_serving(tensorflow: Any) -> None:
    def ask(document: Any, status: int = 200, **more: Any) -> Any:
        answer = tensorflow.invoke(json.dumps(document).encode(), **more)
        assert answer.status == status, answer.body
        return json.loads(answer.body) if status == 200 else answer.body.decode()

    sums = [6.0, -0.5]
    assert ask({"instances": ROWS}) == {"predictions": sums}
    assert ask({"instances": [{"x": row} for row in ROWS]}) == {"predictions": sums}
    assert ask({"inputs": ROWS}) == ask({"inputs": {"x": ROWS}}) == {"outputs": sums}
    assert ask(ROWS) == {"predictions": sums}
    packed = {"b64": base64.b64encode(b"abc").decode()}
    two = {"signature_name": "two", "instances": [{"text": "ä", "times": 2}, {"text": packed, "times": 1}]}
    assert ask(two) == {"predictions": [{"length": 4, "text": "ä"}, {"length": 3, "text": "abc"}]}
    assert tensorflow.invoke(b"1,2,3\n0,-1,0.5", "text/csv").body == b'{"predictions": [6.0, -0.5]}'
    assert tensorflow.invoke(b"[1,2,3]\n[0,-1,0.5]\n", "application/jsonlines").body == b'{"predictions": [6.0, -0.5]}'
    assert tensorflow.invoke(b"[1,2,3]\n[0,-1,0.5]\n").body == b'{"predictions": [6.0, -0.5]}'
    assert tensorflow.invoke(b'{"instances": [\n[1,2,3],\n[0,-1,0.5]\n]}').body == b'{"predictions": [6.0, -0.5]}'
    assert tensorflow.invoke(b"[\n[1,2,3]\n,\n[0,-1,0.5]\n]").body == b'{"predictions": [6.0, -0.5]}'
    assert "not found in signature def" in ask({"signature_name": "three", "instances": ROWS}, 400)
    assert "does not fit" in ask({"instances": [["a"]]}, 400)
    assert "one of" in ask({}, 400)
    assert "has several inputs" in ask({"signature_name": "two", "instances": ["a"]}, 400)
    assert ask(ROWS, 415, content_type="image/png")


TENSORFLOW_1 = """
import sys, tensorflow.compat.v1 as tf
tf.disable_eager_execution()
with tf.Session() as session:
    examples = tf.placeholder(tf.string, name="tf_example")
    x = tf.placeholder(tf.float32, [None, 1], name="x")
    parsed = tf.parse_example(examples, {"x": tf.FixedLenFeature([1], tf.float32)})["x"]
    half = tf.get_variable("half", initializer=0.5)
    session.run(tf.global_variables_initializer())
    info = tf.saved_model.build_tensor_info
    signature = tf.saved_model.build_signature_def
    signatures = {
        "serving_default": signature({"x": info(x)}, {"y": info(x * half + 2)}, "tensorflow/serving/predict"),
        "regress_x_to_y": signature(
            {"inputs": info(examples)}, {"outputs": info(parsed * half + 2)}, "tensorflow/serving/regress"
        ),
        "classify_x": signature(
            {"inputs": info(examples)},
            {
                "classes": info(tf.tile([["low", "high"]], [tf.shape(parsed)[0], 1])),
                "scores": info(tf.concat([1 - parsed, parsed], 1)),
            },
            "tensorflow/serving/classify",
        ),
    }
    builder = tf.saved_model.Builder(sys.argv[1])
    builder.add_meta_graph_and_variables(session, ["serve"], signatures)
    builder.save()
"""


def test_a_saved_model_of_tensorflow_1(serve: Served, make: Make) -> None:
    """Half plus two, TensorFlow Serving's own example: rows of another shape than the placeholder's are taken, as there."""
    make(TENSORFLOW_1, serve.model / "half_plus_two" / "123")
    served = serve("", "tensorflow")
    example = b"\n\x0f\n\r\n\x01x\x12\x08\x12\x06\n\x04\x00\x00@@"  # x: 3.0
    for document, wanted in (
        ({"instances": [1.0, 2.0, 5.0]}, {"predictions": [2.5, 3.0, 4.5]}),
        ({"inputs": {"x": [[1.0], [2.0]]}}, {"outputs": [[2.5], [3.0]]}),
        (
            {"signature_name": "regress_x_to_y", "inputs": [{"b64": base64.b64encode(example).decode()}]},
            {"outputs": [[3.5]]},
        ),
    ):
        answer = served.invoke(json.dumps(document).encode())
        assert (answer.status, json.loads(answer.body)) == (200, wanted)


def test_tensorflow_servings_methods_and_models_by_custom_attributes(serve: Served, make: Make) -> None:
    """As SDK v2's TensorFlowPredictor asks: model_name, classify and regress."""
    make(TENSORFLOW_1, serve.model / "half_plus_two" / "123")
    make(TENSORFLOW, serve.model / "sums" / "1")
    served = serve("", "tensorflow")

    def ask(attributes: str, **document: Any) -> Any:
        answer = served.invoke(json.dumps(document).encode(), X_Amzn_SageMaker_Custom_Attributes=attributes)
        return json.loads(answer.body) if answer.status == 200 else answer.body.decode()

    assert ask("", instances=[4.0]) == ask("tfs-model-name=half_plus_two", instances=[4.0]) == {"predictions": [4.0]}
    assert ask("tfs-model-name=sums,tfs-method=predict", instances=ROWS) == {"predictions": [6.0, -0.5]}
    assert "no model other (tfs-model-name)" in ask("tfs-model-name=other", instances=[4.0])
    examples = {"signature_name": "regress_x_to_y", "examples": [{"x": 3.0}, {"x": [1.0]}]}
    assert ask("tfs-method=regress", **examples) == {"result": [3.5, 2.5]}
    assert "does not classify" in ask("tfs-method=classify", **examples)
    examples = {"signature_name": "classify_x", "context": {"x": 0.25}, "examples": [{}, {"x": 0.0}]}
    assert ask("tfs-method=classify", **examples) == {
        "result": [[["low", 0.75], ["high", 0.25]], [["low", 1.0], ["high", 0.0]]]
    }
    assert "does no regression" in ask("tfs-method=regress", **examples)
    assert "accepts no examples" in ask("tfs-method=regress", examples=[{"x": 3.0}])
    assert '"examples"' in ask("tfs-method=regress", instances=[3.0])
    assert "neither of numbers nor of texts" in ask(
        "tfs-method=regress", signature_name="classify_x", examples=[{"x": None}]
    )
    assert "tfs-method must be one of" in ask("tfs-method=dance", instances=[4.0])


def test_a_script_of_awss_tensorflow_images(serve: Served, make: Make) -> None:
    make(TENSORFLOW, serve.model / "1")
    server = serve(
        """
    import json
    def input_handler(data, context):
        assert context.request_content_type == "text/x"
        return json.dumps({"instances": json.loads(data.read().decode())["rows"]})
    def output_handler(response, context):
        if response.status_code != 200:
            raise ValueError(response.content.decode())
        return json.dumps(response.json()["predictions"]), context.accept_header
    """,
        "tensorflow",
    )
    answer = server.invoke(json.dumps({"rows": ROWS}).encode(), "text/x", "application/json")
    assert json.loads(answer.body) == [6.0, -0.5]
    assert server.invoke(b'{"rows": [["a"]]}', "text/x").status == 500


TRANSFORMERS = """
import os, sys
from transformers import BertConfig, BertForSequenceClassification, BertTokenizer
os.makedirs(sys.argv[1])
with open(sys.argv[1] + "/vocab.txt", "w") as file:
    file.write("\\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film"]))
BertTokenizer(sys.argv[1] + "/vocab.txt").save_pretrained(sys.argv[1])
config = BertConfig(vocab_size=8, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
BertForSequenceClassification(config).save_pretrained(sys.argv[1])
"""


@pytest.mark.parametrize("task", ["", "text-classification"])
def test_hugging_faces_pipeline_without_a_script(serve: Served, make: Make, task: str) -> None:
    make(TRANSFORMERS, serve.model)
    server = serve("", "huggingface", HF_TASK=task, HF_HUB_OFFLINE="1")
    (one,) = json.loads(server.invoke(b'{"inputs": "good film"}').body)
    assert set(one) == {"label", "score"}
    many = json.loads(server.invoke(b'{"inputs": ["good", "bad"], "parameters": {"top_k": 2}}').body)
    assert [len(each) for each in many] == [2, 2]
    table = server.invoke(b"inputs\ngood film\nbad\n", "text/csv", "text/csv").body.decode().splitlines()
    assert (table[0], len(table)) == ("label,score", 3)
    assert server.invoke(b"good\n", "text/csv").status == 400
    assert server.invoke(b'{"inputs": 1}').status == 400
    assert server.invoke(b"x", "application/zip").status == 415
    assert server.invoke(b'{"inputs": "good"}', accept="image/png").status == 406


@pytest.mark.parametrize(
    ("environment", "message"),
    [({"HF_MODEL_ID": "org/name", "HF_TASK": "fill-mask"}, "not downloaded from the Hub"), ({}, "no config.json")],
)
def test_hugging_face_says_why_there_is_no_model(serve: Served, environment: dict[str, str], message: str) -> None:
    server = serve.start("", "huggingface", **environment)
    assert server.ended() == 1
    assert message in server.log


def test_xgboost_in_script_mode(serve: Served, tmp_path: Path) -> None:
    import xgboost as xgb

    rows = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    booster = xgb.train({"objective": "reg:squarederror"}, xgb.DMatrix(rows, rows[:, 0]), 3)
    booster.save_model(str(serve.model / "xgboost-model.json"))
    (serve.model / "xgboost-model.json").rename(serve.model / "xgboost-model")
    expected = booster.predict(xgb.DMatrix(rows[:2])).tolist()
    text = "\n".join(",".join(map(str, row)) for row in rows[:2].tolist()).encode()
    sparse = "\n".join(" ".join(f"{i}:{v}" for i, v in enumerate(row)) for row in rows[:2].tolist()).encode()
    server = serve(
        """
    import os, xgboost
    def model_fn(model_dir):
        booster = xgboost.Booster()
        booster.load_model(os.path.join(model_dir, "xgboost-model"))
        return booster
    """,
        "xgboost",
    )
    for body, kind in (
        (text, "text/csv"),
        (sparse, "text/libsvm"),
        (json.dumps(rows[:2].tolist()).encode(), "application/json"),
    ):
        answer = server.invoke(body, kind)
        assert np.allclose(json.loads(answer.body), expected), answer.body
    assert server.invoke(b"1,x,2", "text/csv").status == 400
    assert server.invoke(b"1,2,3", "image/png").status == 415
    assert server.invoke(text, "text/csv", "image/png").status == 406


@pytest.mark.parametrize(("indices", "columns"), [("", 2), ("kept", 3)])
def test_libsvm_indices_of_old_xgboost_images(serve: Served, indices: str, columns: int) -> None:
    """A request whose indices start at 1; a script that asks a pickled booster for contributions needs its columns."""
    script = "def model_fn(d): return 0\ndef predict_fn(data, model): return [data.num_col()]\n"
    server = serve(script, "xgboost", SAGEWRIGHT_LIBSVM_INDICES=indices)
    assert json.loads(server.invoke(b"7 1:0.5 2:1.5", "text/libsvm").body) == [columns]
