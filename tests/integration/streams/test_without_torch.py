"""What petstream[classify] alone can do, and what it says where torch is needed."""

from pathlib import Path
from typing import Any, Final

import pillow_heif
import pytest
from PIL import Image

from inference.classifier import load
from inference.decode import Limits, decode
from inference.lab.export import export
from inference.model.recipe import ARITHMETICS
from streams.runtime.installing import install_command
from tests import tiny_model, tiny_parts, without_torch
from tests.tiny_model import ColourLogits

FORMATS: Final = ("JPEG", "PNG", "TIFF", "HEIF")

SERVE: Final = """
import asyncio, json, sys
from contextlib import AsyncExitStack
from pathlib import Path

from streams.app import classifier
from streams.classify.opening import open_serving, open_shadow
from streams.runtime.settings import ClassifySettings, load

async def main(given):
    said = []
    for file in given["files"]:
        settings = load(
            ClassifySettings, kafka_bootstrap_servers="localhost:9", model_uri=file, model_shadow_uri=given["files"][0],
            engine_threads=1, decode_workers=1,
        )
        async with AsyncExitStack() as parts:
            serving = await open_serving(settings)
            parts.push_async_callback(serving.close)
            shadow = await open_shadow(settings, serving.input, parts)
            pixels = [await serving.decoder.decode(Path(each).read_bytes()) for each in given["pictures"]]
            predictions = serving.predictor.predict(pixels)
            shadow.observe(pixels, predictions)
            await shadow.settle()
        scores = [[each.scores.cat, each.scores.dog, each.scores.neither] for each in predictions]
        said.append({"why": serving.predictor.why, "scores": scores})
    print(json.dumps({"said": said, "loaded": sorted(sys.modules)}))

asyncio.run(main(json.loads(sys.argv[1])))
"""

COMMANDS: Final = """
import json, sys
from dataclasses import asdict
from tests.commands import petstream

print(json.dumps([asdict(petstream(*words, **environment)) for words, environment in json.loads(sys.argv[1])]))
"""
TORCH: Final = install_command("torch")
MODEL: Final = install_command("model")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What ``model export`` builds, of a tiny network: a file of each arithmetic, and a cascade."""
    folder = tmp_path_factory.mktemp("models")
    one = tiny_parts.part(folder, "tiny", tiny_parts.SIDE, ColourLogits(1.0))
    made = [export([one], folder / f"{each}.pt", arithmetic=each) for each in ARITHMETICS]
    made.append(export(tiny_parts.cascade(folder), folder / "cascade.pt", arithmetic="int8"))
    return [str(path) for path in made]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A green picture in several formats, labelled as a dog."""
    pillow_heif.register_heif_opener()
    folder = tmp_path_factory.mktemp("pictures")
    for kind in FORMATS:
        Image.new("RGB", (40, 30), (10, 200, 30)).save(folder / kind.lower(), kind)
    rows = "".join(f"{kind.lower()},dog\n" for kind in FORMATS)
    (folder / "labels.csv").write_text("file,label\n" + rows)
    return folder


def said(tmp_path: Path, *commands: tuple[tuple[object, ...], dict[str, str]]) -> list[dict[str, Any]]:
    given = [([str(word) for word in words], environment) for words, environment in commands]
    answers: list[dict[str, Any]] = without_torch.run(COMMANDS, given, tmp_path)
    return answers


def test_what_export_builds_is_served_with_its_shadow_as_with_torch(
    files: list[str], pictures: Path, tmp_path: Path
) -> None:
    paths = [str(pictures / kind.lower()) for kind in FORMATS]
    found = without_torch.run(SERVE, {"files": files, "pictures": paths}, tmp_path)
    assert not set(without_torch.LACKING) & set(found["loaded"])
    for file, each in zip(files, found["said"], strict=True):
        classifier = load(Path(file), engine="openvino", threads=1)
        pixels = [decode(Path(path).read_bytes(), classifier.manifest.input, Limits()) for path in paths]
        expected = [[s.cat, s.dog, s.neither] for s in (each.scores for each in classifier.predict(pixels))]
        assert each["scores"] == expected, file
        assert each["why"].startswith("torch is not installed, so no GPU was looked for"), file
        classifier.close()


def test_its_commands_work(files: list[str], pictures: Path, tmp_path: Path) -> None:
    float32, *_ = files
    worker = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9", "MODEL_URI": float32, "S3_ENDPOINT_URL": "http://127.0.0.1:9"}
    info, verify, evaluate, check, health = said(
        tmp_path,
        (("model", "info", float32), {}),
        (("model", "verify", float32), {}),
        (("model", "evaluate", pictures, "--model", float32, "--html", tmp_path / "page.html"), {}),
        (("check", "classify"), worker | {"MODEL_SHADOW_URI": float32}),
        (("health",), {"HEALTH_PORT": "9"}),
    )
    for done in (info, verify, evaluate):
        assert (done["returncode"], done["stderr"]) == (0, ""), done
    assert "FAIL" not in verify["stdout"]
    assert "accuracy" in evaluate["stdout"]
    models = [line for line in check["stdout"].splitlines() if "model" in line]
    assert len(models) == 2, check
    assert all("openvino cpu" in line for line in models)
    assert "does not answer (the connection was refused)" in health["stderr"], health


def test_what_needs_torch_says_what_to_install_and_does_not_start(
    files: list[str], pictures: Path, tmp_path: Path
) -> None:
    foreign, labels = tiny_model.write(tmp_path / "foreign.pt"), pictures / "labels.csv"
    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    worker = keys | {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9", "MODEL_URI": files[0], "HEALTH_PORT": "0"}
    without = f"{foreign} has no network in OpenVINO's format, so it needs torch, which is not installed: {TORCH}"
    missing = f"torch is not installed: {MODEL}"
    came_without = "petstream came without a model file (only built wheels have it): exporting one needs torch"
    no_file = f"{came_without}, which is not installed: {MODEL}"
    cases: list[tuple[tuple[object, ...], dict[str, str], str]] = [
        (("classify",), {"ENGINE": name}, f"The engine {name} needs torch, which is not installed: {TORCH}")
        for name in ("cuda", "torchscript")
    ]
    cases += [
        (("classify",), {"DECODE_DEVICE": "cuda"}, f"DECODE_DEVICE=cuda needs torch, which is not installed: {TORCH}"),
        (("classify",), {"MODEL_URI": str(foreign)}, without),
        (("classify",), {"MODEL_SHADOW_URI": str(foreign)}, without),
        (("model", "evaluate", pictures, "--model", foreign), {}, without),
        (
            ("model", "evaluate", pictures),
            {},
            no_file,
        ),
        (("model", "export"), {}, missing),
        (("model", "train", labels), {}, missing),
        (("model", "fit", labels), {}, missing),
        (("model", "ranges", pictures), {}, missing),
        (("model", "cascade", pictures), {}, missing),
    ]
    done = said(tmp_path, *((words, worker | environment) for words, environment, _ in cases))
    for (words, _, sentence), each in zip(cases, done, strict=True):
        assert each["returncode"] in (1, 2), words
        assert "Traceback" not in each["stderr"], words
        assert each["stderr"].splitlines()[-1] == sentence, words
