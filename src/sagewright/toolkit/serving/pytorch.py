"""PyTorch: a TorchScript file without a script; tensors as input and output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sagewright.toolkit.serving import content
from sagewright.toolkit.serving.content import Data
from sagewright.toolkit.serving.defaults import Defaults, files_of

_MODEL = "model.pt"


class PyTorch(Defaults):
    needs_program = False

    def model_fn(self, model_dir: str) -> Any:
        """Raises ValueError unless there is model.pt or exactly one other .pt or .pth, and it is TorchScript."""
        import torch

        path = Path(model_dir) / _MODEL
        if not path.is_file():
            found = files_of(model_dir, ".pt", ".pth")
            if len(found) != 1:
                names = ", ".join(each.name for each in found) or "none"
                raise ValueError(f"Exactly one .pth or .pt file is required for PyTorch models; there are: {names}.")
            path = found[0]
        try:
            return torch.jit.load(str(path), map_location=self._device()).eval()
        except RuntimeError as error:
            raise ValueError(
                f"{path.name} is not TorchScript (torch.jit.save): a model in another form needs a model_fn."
            ) from error

    def input_fn(self, data: Data, content_type: str) -> Any:
        import torch

        array = content.decode(data, content_type)
        text = content.media_of(content_type) in content.TEXTS
        return (torch.FloatTensor(array) if text else torch.from_numpy(array)).to(self._device())

    def predict_fn(self, data: Any, model: Any) -> Any:
        import torch

        with torch.no_grad():
            if hasattr(model, "eval"):
                model.eval()
            return model(data)

    def output_fn(self, prediction: Any, accept: str) -> Any:
        import torch

        if isinstance(prediction, torch.Tensor):
            prediction = prediction.detach().cpu().numpy()
        return super().output_fn(prediction, accept)

    def _device(self) -> Any:
        import torch

        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
