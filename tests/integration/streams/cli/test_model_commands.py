"""``petstream model`` as a user meets it, on drawn pictures and a model of a few bytes."""

import csv
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
import timm
from PIL import Image

from inference.lab.bench import Setting
from inference.model.head import Grouped
from inference.model.weights import write as write_weights
from streams.cli.model_tables import environment
from tests import tiny_model
from tests.commands import Done, petstream, petstream_process
from tests.inference_fixtures import one_torch_thread

COLOURS = {"cat": (220, 0, 0), "dog": (0, 220, 0), "neither": (0, 0, 220)}

_one_thread = pytest.fixture(autouse=True, scope="module")(one_torch_thread)


def model(*words: object) -> Done:
    return petstream("model", *words, COLUMNS="160")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.write(tmp_path_factory.mktemp("model") / "tiny.pt", rev=3, provenance={"by": "hand"})


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Five right of each label, a cat that is green, a ruin that is one, and a name that would clear the screen."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    rows = [(f"{label}{number}.png", label) for label in COLOURS for number in range(5)]
    for width, (name, label) in enumerate(rows, 30):  # a picture that is listed several times counts once for ``fit``
        Image.new("RGB", (width, 20), COLOURS[label]).save(folder / name)
    rows += [("green.png", "cat"), ("cut.png", "undecodable"), ("\x1b[2J[bold]x.png", "dog")]
    Image.new("RGB", (30, 20), COLOURS["dog"]).save(folder / "green.png")
    Image.new("RGB", (30, 20), COLOURS["cat"]).save(folder / "\x1b[2J[bold]x.png")
    (folder / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "label"), *rows])
    return folder


def test_an_evaluation_tells_figures_mistakes_and_rejections(pictures: Path, tiny: Path) -> None:
    page = pictures / "report.html"
    done = model("evaluate", pictures, "--model", tiny, "--html", page)
    assert done.returncode == 0, done.stderr
    for said in ("10 of 12", "83.33 %", "0 of 5", "green.png", "undecodable", "expected calibration error"):
        assert said in done.stdout, said
    assert "\x1b[2J" not in done.stdout
    assert "[2J[bold]x.png" in done.stdout, "square brackets are no markup"
    assert page.read_text().startswith("<!doctype html>")


def test_the_folder_and_its_table_are_both_understood(pictures: Path, tiny: Path) -> None:
    by_folder, by_table = (
        model("evaluate", given, "--model", tiny, "--json") for given in (pictures, pictures / "labels.csv")
    )
    assert by_table.stdout == by_folder.stdout, by_table.stderr
    fitted = model("fit", pictures, "--output", pictures)
    assert f"{pictures} is a folder: name a file to write" in fitted.stderr


@pytest.mark.parametrize("option", ["--html", "--json"])
@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("none/page.json", "make the folder"),
        ("folder.json", "is a folder: name a file"),
        ("pipe.json", "is no regular file: name a file"),
    ],
)
def test_a_target_that_cannot_be_written_is_told_before_the_model_loads(
    option: str, target: str, said: str, pictures: Path, tmp_path: Path
) -> None:
    (tmp_path / "folder.json").mkdir()
    os.mkfifo(tmp_path / "pipe.json")
    done = model("evaluate", pictures, "--model", "none.pt", option, tmp_path / target)
    assert done.returncode == 1
    assert said in done.stderr


def test_figures_come_as_json_where_they_are_asked_for(pictures: Path, tiny: Path, tmp_path: Path) -> None:
    done = model("evaluate", "--model", tiny, "--json", pictures)
    figures = json.loads(done.stdout)
    assert figures["accuracy"] == pytest.approx(10 / 12)
    assert (figures["pets_accepted"], figures["non_pets_accepted"]) == (1.0, 0.0)
    assert figures["model"]["sha256"] == hashlib.sha256(tiny.read_bytes()).hexdigest()
    target = tmp_path / "figures.json"
    beside = model("evaluate", pictures, "--model", tiny, "--json", target)
    assert "accuracy" in beside.stdout
    assert json.loads(target.read_text()) == figures


def test_an_evaluation_shows_slices_gates_another_threshold_and_another_model(
    pictures: Path, tiny: Path, tmp_path: Path
) -> None:
    names = ("cat0", "cat1", "dog0", "neither0", "green")
    labels, slices = ("cat", "cat", "dog", "neither", "cat"), ("phone", "phone", "web", "people", "x-[b]")
    rows = zip(names, labels, slices, strict=True)
    (pictures / "labels.csv").write_text(
        "file,label,slice\n" + "".join(f"{name}.png,{label},{part}\n" for name, label, part in rows)
    )
    other = tiny_model.write(
        tmp_path / "other.pt", name="other", classes={"red": "dog", "green": "cat", "blue": "neither"}
    )
    page = tmp_path / "page.html"
    done = model("evaluate", pictures, "--model", tiny, "--against", other, "--at", "1", "--html", page)
    assert done.returncode == 0, done.stderr
    for said in (
        "phone",
        "x-[b]",
        "policy case",
        "people accepted",
        "at 1",
        "against other (",
        "won: cat0.png, cat1.png, dog0.png",
        "lost: none",
        "gates missed: none",
        "the model's own: 0.5, cat and dog together",
    ):
        assert said in done.stdout, said
    assert "Against other (" in page.read_text()


def test_a_missed_gate_is_named_and_fails_where_that_is_asked_for(pictures: Path, tiny: Path) -> None:
    lenient = model("evaluate", pictures, "--model", tiny)
    assert lenient.returncode == 0
    assert "gates missed: cat or dog" in lenient.stdout
    assert model("evaluate", pictures, "--model", tiny, "--fail").returncode == 1
    strict = model("evaluate", pictures, "--model", tiny, "--fail", "--json")
    assert strict.returncode == 1
    assert json.loads(strict.stdout)["gates"][0]["state"] == "missed"


@pytest.mark.parametrize("threshold", ["1.5", "-0.1", "nan"])
def test_a_threshold_that_is_no_probability_is_a_mistake(threshold: str, pictures: Path, tiny: Path) -> None:
    done = model("evaluate", pictures, "--model", tiny, "--at", threshold)
    assert done.returncode == 2
    assert "a threshold is a number from 0 to 1" in done.stderr


def test_a_manifest_with_a_policy_and_a_curve_is_shown(tmp_path: Path) -> None:
    point = {"threshold": 0.5, "pets_kept": 0.99, "false_pets": 0.02, "wrong_species": 0.01}
    curve = {"measured_on": "drawn pictures", "pets": 100, "others": 50, "points": [point]}
    card = {"cross_validation": {"folds": 3, "slices": {"phone": {"pictures": 7}, "web": {"pictures": 9}}}}
    path = tiny_model.write(
        tmp_path / "model.pt", policy=["Cats are cats."], operating_curve=curve, provenance={"card": card}
    )
    table = model("info", path)
    for said in ("Cats are cats.", "operating_curve.measured_on", "1 points", "thresholds.compared", "2 slices"):
        assert said in table.stdout, said
    assert "phone" not in table.stdout, "a shipped file has hundreds of such rows"
    assert json.loads(model("info", path, "--json").stdout)["manifest"]["provenance"]["card"] == card


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "labels.csv").unlink(), "labels.csv cannot be read"),
        (lambda folder: (folder / "cat0.png").unlink(), "labels.csv, line 2: correct the name there"),
        (lambda folder: (folder / "labels.csv").write_text("file,label\na.jpg,horse\n"), "'horse' is neither"),
        (lambda folder: (folder / "labels.csv").write_bytes(b"file,label\n\xff,cat\n"), "utf-8"),
    ],
)
def test_a_folder_that_cannot_be_judged_ends_with_one_sentence(
    pictures: Path, tiny: Path, spoil: Any, said: str
) -> None:
    spoil(pictures)
    done = model("evaluate", pictures, "--model", tiny)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_manifest_is_shown_as_a_table_or_as_json(tiny: Path) -> None:
    table = model("info", tiny)
    sha256 = hashlib.sha256(tiny.read_bytes()).hexdigest()
    for said in (sha256, "colours", "classes.red", "provenance.by"):
        assert said in table.stdout, said
    document = json.loads(model("info", tiny, "--json").stdout)
    assert document["sha256"] == sha256
    assert document["manifest"]["rev"] == 3


def test_an_int8_file_is_made_from_pictures_without_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = tiny_model.write(tmp_path / "model.pt", tiny_model.Convolutions())
    folder = tmp_path / "pictures"
    folder.mkdir()
    few = model("quantize", folder, "--model", source)
    assert few.returncode == 1
    assert "has 0 pictures that decode; at least 30 are needed" in few.stderr
    for number in range(30):
        Image.new("RGB", (30, 20), (8 * number, 255 - 8 * number, 9)).save(folder / f"{number}.png")
    done = model("quantize", folder, "--model", source)
    assert done.returncode == 0, done.stderr
    assert "of 30 pictures keep their label; a score moves by 0." in done.stdout
    assert done.stdout.splitlines()[-1] == "colours-int8.pt"
    told = json.loads(model("quantize", folder, "--model", source, "--json").stdout)
    assert (told["file"], told["pictures"]) == ("colours-int8.pt", 30)
    verified = model("verify", tmp_path / "colours-int8.pt")
    assert [line.split()[1] for line in verified.stdout.splitlines()] == [
        "file:",
        "checksum:",
        "manifest:",
        "openvino:",
    ]
    again = model("quantize", folder, "--model", tmp_path / "colours-int8.pt")
    assert again.returncode == 1
    assert "is not in float32" in again.stderr


def test_a_file_is_verified_line_by_line(tiny: Path, tmp_path: Path) -> None:
    good = petstream_process("model", "verify", tiny, COLUMNS="160")
    assert good.returncode == 0
    assert [line.split(":")[0].split() for line in good.stdout.splitlines()] == [
        ["ok", name] for name in ("file", "checksum", "manifest", "torchscript", "openvino")
    ]
    bad = model("verify", tiny, "--sha256", "0" * 64)
    assert bad.returncode == 1
    assert "MODEL_SHA256" in bad.stdout
    (tmp_path / "cut.pt").write_bytes(tiny.read_bytes()[:-200])
    cut = model("verify", tmp_path / "cut.pt")
    assert cut.returncode == 1
    assert "petstream model export" in cut.stdout
    assert "Traceback" not in cut.stderr


@pytest.mark.parametrize("command", ["info", "evaluate", "bench"])
def test_a_model_that_is_not_there_ends_with_what_to_do(command: str, pictures: Path) -> None:
    given: dict[str, list[object]] = {
        "info": ["none.pt"],
        "evaluate": [pictures, "--model", "none.pt"],
        "bench": ["--model", "none.pt"],
    }
    done = model(command, *given[command])
    assert done.returncode == 1
    assert "petstream model export" in done.stderr
    assert "Traceback" not in done.stderr


def test_engines_are_timed_and_settings_recommended(tiny: Path) -> None:
    document = json.loads(model("bench", "--model", tiny, "--seconds", "1", "--json").stdout)
    assert {each["engine"] for each in document["measured"]} == {"torchscript", "openvino"}
    assert all(each["pictures_per_second"] > 0 and each["cpu_ms_per_picture"] >= 0 for each in document["measured"])
    assert set(document["recommended"]) == {"ENGINE", "ENGINE_THREADS"}
    table = model("bench", "--model", tiny, "--seconds", "1")
    assert "recommended: ENGINE=" in table.stdout


def test_a_head_is_fitted_and_a_model_built_with_it(pictures: Path, tmp_path: Path) -> None:
    table = (pictures / "labels.csv").read_text().splitlines()
    (pictures / "labels.csv").write_text("\n".join(table[:16]) + "\n")
    head, own = tmp_path / "head.json", tmp_path / "own.pt"
    fitted = model("fit", pictures / "labels.csv", "--arch", "efficientnet-lite0", "--output", head)
    assert fitted.returncode == 0, fitted.stderr
    assert "pictures: {'cat': 5, 'dog': 5, 'neither': 5}" in fitted.stdout
    digest = json.loads(head.read_text())["provenance"]["pictures_sha256"]
    assert digest in fitted.stdout
    assert "cross-validated in 5 folds" in fitted.stdout
    built = model("export", "--arch", "efficientnet-lite0", "--head", head, "--output", own)
    assert built.returncode == 0, built.stderr
    manifest = json.loads(model("info", own, "--json").stdout)["manifest"]
    assert manifest["provenance"]["head"]["pictures_sha256"] == digest
    judged = json.loads(model("evaluate", pictures, "--model", own, "--json").stdout)
    assert judged["cross_validated"] is not None, "these are the pictures of the fit"


def test_a_model_is_built_in_int8_with_ranges_of_its_own(tmp_path: Path) -> None:
    for number in range(30):
        Image.new("RGB", (60, 60), (8 * number, 0, 255 - 8 * number)).save(tmp_path / f"{number}.png")
    weights = tmp_path / "weights"
    weights.mkdir()
    network = Grouped(timm.create_model("tf_efficientnet_lite0"))
    write_weights(weights / "efficientnet-lite0.safetensors", network.state_dict(), {"arch": "efficientnet-lite0"})
    arguments = ("--arch", "efficientnet-lite0", "--weights", weights)
    built = ("export", *arguments, "--arithmetic", "int8", "--output", tmp_path / "model.pt")
    refused = model(*built)
    assert refused.returncode == 1
    assert "efficientnet-lite0.int8.json is missing" in refused.stderr
    measured = model("ranges", tmp_path, *arguments, "--json")
    assert measured.returncode == 0, measured.stderr
    assert json.loads(measured.stdout)["ranges"]["pictures"] == 30
    assert (weights / "efficientnet-lite0.int8.json").exists()
    done = model(*built)
    assert done.returncode == 0, done.stderr
    assert "as asked" in done.stderr
    assert done.stdout.strip() == str(tmp_path / "model.pt")
    said = model("info", tmp_path / "model.pt").stdout
    assert "cat-dog-efficientnet-lite0-int8" in said
    assert "openvino-int8" in said


def test_the_table_of_a_cascade_has_its_threshold_and_not_its_golden_answers(tmp_path: Path) -> None:
    golden = [{"pattern": 0, "scores": [0.5, 0.25, 0.25]}]
    cascade = {"defer_below": 0.75, "rule": "mean", "golden": golden}
    said = model("info", tiny_model.write(tmp_path / "two.pt", cascade=cascade)).stdout
    assert "cascade.defer_below" in said
    assert "cascade.golden" not in said


def test_an_unknown_architecture_and_a_head_that_is_none_are_named(tmp_path: Path) -> None:
    unknown = model("fit", "labels.csv", "--arch", "resnet")
    assert unknown.returncode == 2
    assert "efficientnet-lite2" in unknown.stderr
    (tmp_path / "head.json").write_text("{}")
    broken = model("export", "--head", tmp_path / "head.json", "--output", tmp_path / "own.pt")
    assert broken.returncode == 1
    assert "Traceback" not in broken.stderr
    assert "weight" in broken.stderr


@pytest.mark.parametrize(("engine", "batch"), [("cuda", {"BATCH_MAX_SIZE": 64}), ("openvino", {}), ("torchscript", {})])
def test_a_batch_is_recommended_where_the_engine_gains_by_it(engine: Any, batch: dict[str, int]) -> None:
    assert environment(Setting(engine, 2, 64)) == {"ENGINE": engine, "ENGINE_THREADS": 2} | batch
