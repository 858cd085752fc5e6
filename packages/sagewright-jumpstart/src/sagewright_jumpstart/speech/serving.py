"""Serves transcripts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from faster_whisper import WhisperModel

from sagewright_jumpstart.errors import InputError
from sagewright_jumpstart.manifest import Manifest
from sagewright_jumpstart.requests import JSON, answer, document_of, media_of, unsupported
from sagewright_jumpstart.speech.sound import read_wav

_SOUND = frozenset({"audio/wav", "audio/x-wav", "audio/wave"})
_ENGLISH = frozenset({"en", "english"})


def model_fn(model_dir: str) -> Any:
    folder = Path(model_dir)
    weights = Manifest.read(folder).weights_folder(folder)
    return WhisperModel(str(weights), compute_type="default", cpu_threads=os.cpu_count() or 1, local_files_only=True)


def input_fn(body: str | bytes, content_type: str) -> Any:
    """Returns the sound: of a WAV file, or of JSON with its bytes in hexadecimal. Raises InputError."""
    media = media_of(content_type)
    if media in _SOUND:
        return read_wav(body.encode() if isinstance(body, str) else bytes(body))
    if media != JSON:
        raise unsupported(content_type, (*sorted(_SOUND), JSON))
    document = document_of(body)
    if not isinstance(document, dict) or not isinstance(document.get("audio_input"), str):
        raise InputError("audio_input: a WAV file in hexadecimal is expected")
    language, task = str(document.get("language", "en")).lower(), str(document.get("task", "transcribe"))
    if language not in _ENGLISH or task != "transcribe":
        raise InputError(
            f"this model transcribes English: language {language[:40]!r} with task {task[:40]!r} needs another one"
        )
    try:
        return read_wav(bytes.fromhex(document["audio_input"]))
    except ValueError as error:
        raise error if isinstance(error, InputError) else InputError(f"audio_input: {error}") from error


def predict_fn(data: Any, model: Any) -> dict[str, Any]:
    segments, _ = model.transcribe(data, language="en", beam_size=5, condition_on_previous_text=False)
    return {"text": ["".join(each.text for each in segments).strip()], "language": ["en"]}


def output_fn(prediction: Any, accept: str) -> tuple[str, str]:
    return answer(prediction, accept)
