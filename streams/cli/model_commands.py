"""``petstream model``: builds, fits, evaluates, verifies and benchmarks model files. Argument parsing and output."""

import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text
from typer.core import TyperCommand

from streams.cli import completion, model_train_command
from streams.cli.console import counted, out, print_line, print_stderr, waiting
from streams.cli.model_options import (
    Arch,
    AsJson,
    Backbone,
    Composition,
    Weights,
    check_target,
    chosen_weights,
    table_of,
)
from streams.cli.model_options import chosen_arch as _arch
from streams.cli.model_options import document as _document
from streams.cli.model_options import model_mistakes as _mistakes
from streams.runtime.printable import printable

app = typer.Typer(help="The model's file.", no_args_is_help=True)
app.command()(model_train_command.train)
app.command()(model_train_command.cascade)

# torch is imported inside the commands: --help stays fast, and the sink's image has no torch.
# ruff: noqa: PLC0415

File = Annotated[Path, typer.Argument(help="a TorchScript file with a manifest")]
Model = Annotated[
    Path | None,
    typer.Option("--model", help="a TorchScript file; default: the one in the wheel, else that of `export`"),
]


class JsonToFileOrHere(TyperCommand):
    """``--json`` alone prints, ``--json FILE.json`` writes a file. A word without .json at the end is not the file."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Add the value ``-`` to ``--json`` without a file."""
        given = []
        for word, following in zip(args, [*args[1:], ""], strict=True):
            given.append(word)
            if word == "--json" and following != "-" and not following.endswith(".json"):
                given.append("-")
        return super().parse_args(ctx, given)


@app.command()
def export(
    *,
    arch: Composition = None,
    output: Annotated[Path | None, typer.Option(help="the file; default: a cache that the demo uses too")] = None,
    arithmetic: Annotated[
        str | None,
        typer.Option(
            help="float32, bfloat16 or int8; default: what suits this processor", autocompletion=completion.arithmetics
        ),
    ] = None,
    weights: Weights = None,
    head: Annotated[Path | None, typer.Option(help="what `fit` wrote, instead of the head that is shipped")] = None,
    backbone: Backbone = None,
    rev: Annotated[
        int | None,
        typer.Option(help="of your own model: greater than that of the one it replaces; default: petstream's"),
    ] = None,
) -> None:
    r"""
    Build the model's file, and print where it is. Takes a minute; needs petstream\[model].

    A cascade asks its large network only about pictures that its small one is unsure of.

    Settings: none.

    Example: [bold]petstream model export --output model.pt[/]
    """
    from inference.lab.plan import planned
    from inference.model.recipe import REV
    from streams.classify import model_artifact

    with _mistakes(), waiting("exporting"):
        check_target(output)
        plan = planned(
            arch,
            arithmetic=arithmetic,
            weights=chosen_weights(weights),
            head=head,
            backbone=backbone,
            rev=REV if rev is None else rev,
        )
        path = model_artifact.built(plan, output, print_stderr)
    print_line(str(path))


@app.command()
def ranges(
    pictures: Annotated[Path, typer.Argument(help="a folder of at least 30 pictures like those that will come")],
    *,
    arch: Arch = None,
    weights: Weights = None,
    head: Annotated[Path | None, typer.Option(help="the head of --backbone")] = None,
    backbone: Backbone = None,
    output: Annotated[Path | None, typer.Option(help="the file; default: where `export` looks for it")] = None,
    json: AsJson = False,
) -> None:
    r"""
    Measure the ranges of a network's layers on pictures: `export` needs them once for int8. Needs petstream\[model].

    The pictures need no labels. A network's weights and their ranges belong together: measure again after a training.

    Settings: none.

    Example: [bold]petstream model ranges pictures --weights weights/efficientnet-lite2.safetensors[/]
    """
    from inference.lab.calibration_pictures import calibration_pictures
    from inference.lab.plan import planned
    from inference.lab.ranges import measure
    from inference.model.file import replace

    with _mistakes(), counted("pictures") as progress:
        check_target(output)
        plan = planned(
            None if backbone else _arch(arch),
            arithmetic="float32",
            weights=chosen_weights(weights),
            head=head,
            backbone=backbone,
        )
        [part] = plan.parts()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about damaged metadata
            chosen = calibration_pictures(pictures, part.input)
        found = measure(part, chosen, progress=progress)
        target = output or part.ranges_file
        replace(target, found.to_json())
    if json:
        sys.stdout.buffer.write(_document({"file": str(target), "ranges": found}))
        return
    print_line(f"{len(found.ranges)} layers on {found.pictures} pictures: {target}")


@app.command()
def fit(
    labels: Annotated[Path, typer.Argument(help="LABELS.csv beside its pictures: file,label (cat, dog, neither)")],
    arch: Arch = None,
    backbone: Backbone = None,
    output: Annotated[Path | None, typer.Option(help="the fitted head; default: ARCH.head.json here")] = None,
    json: AsJson = False,  # noqa: FBT002 - Typer's way to a flag
) -> None:
    """
    Fit the head, 18 numbers, to labelled pictures. `export --head` builds a model with it.

    Settings: none.

    Example: [bold]petstream model fit pictures/labels.csv --output head.json[/]
    """
    from inference.lab.fit import fit as fitted
    from inference.model.backbones import of_hub, published
    from inference.model.file import replace

    chosen = _arch(arch)
    with _mistakes(), counted("forward passes") as progress:
        check_target(output)
        network = of_hub(backbone) if backbone else published(chosen)
        head = fitted(table_of(labels), network, progress=progress)
        target = output or Path(f"{network.name.rpartition('/')[2]}.head.json")
        replace(target, head.to_json())
    if json:
        fitted_to = {"file": str(target), "provenance": head.provenance, "metrics": head.metrics}
        sys.stdout.buffer.write(_document(fitted_to))
        return
    for name, value in {"pictures": head.provenance["pictures"], **head.provenance}.items():
        print_line(f"{name}: {value}")
    print_line(f"cross-validated in {head.provenance['validation']['folds']} folds: {head.metrics}")
    print_line(str(target))


@app.command(cls=JsonToFileOrHere)
def evaluate(
    folder: Annotated[Path, typer.Argument(help="pictures and labels.csv (file,label or file,expected; slice)")],
    *,
    model: Model = None,
    against: Annotated[Path | None, typer.Option(help="another model on the same pictures, to compare with")] = None,
    at: Annotated[float | None, typer.Option(help="also judge with this threshold, 0 to 1 (ACCEPT_AT)")] = None,
    strict: Annotated[bool, typer.Option("--fail", help="exit code 1 if a gate is missed")] = False,
    html: Annotated[Path | None, typer.Option(help="also write a page with plots and the misjudged pictures")] = None,
    json: Annotated[
        str | None, typer.Option("--json", metavar="[FILE.json]", help="figures as JSON, here or in a file")
    ] = None,
) -> None:
    """
    Judge a model by labelled pictures: accuracy, acceptance, calibration, gates, slices, thresholds, the mistakes.

    Settings: none.

    Example: [bold]petstream model evaluate pictures --at 0.9 --html report.html[/]
    """
    from inference.classifier import load
    from inference.decode import Limits
    from inference.lab import gates
    from inference.lab.evaluate import evaluate_models, read_labels
    from inference.lab.findings import findings
    from inference.lab.json_report import in_sample, json_report
    from inference.lab.report import html as page
    from inference.lab.report import in_words
    from streams.cli import evaluation_tables

    if at is not None and not 0 <= at <= 1:
        raise typer.BadParameter(f"--at {at:g}: a threshold is a number from 0 to 1, as in --at 0.9")
    with _mistakes():
        for target in (html, Path(json) if json and json != "-" else None):
            check_target(target)
        table = table_of(folder)
        for row in read_labels(table):  # fail before the model loads, which takes seconds
            row.check()
        classifier = load(_model(model))
        classifiers = [classifier] if against is None else [classifier, load(against)]
        with counted("pictures") as progress, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about damaged metadata, which the decoder accepts
            result, *others = evaluate_models(table, classifiers, Limits(), progress=progress)
            other = classifiers[-1]
            second = (f"{other.manifest.name} ({other.sha256[:12]})", others[0]) if others else None
            found = findings(result, classifier.thresholds, at=at, against=second)
            if html is not None:
                html.write_text(page(found, classifier, table.resolve().parent.name, Limits()), encoding="utf-8")
        expected = in_sample(found.pictures, classifier.manifest)
        described = {
            "model": {"name": classifier.manifest.name, "sha256": classifier.sha256, "engine": classifier.engine},
            **json_report(found),
            "in_sample": expected is not None,
            "cross_validated": expected or None,
        }
        if json == "-":
            sys.stdout.buffer.write(_document(described))
        elif json is not None:
            Path(json).write_bytes(_document(described))
    missed = gates.missed(found.gates)
    if json != "-":
        print_line(f"{len(result.outcomes)} pictures, {classifier.manifest.name} on {classifier.engine}")
        out.print(evaluation_tables.evaluation(found))
        out.print()
        if expected is not None:
            metrics = f"; cross-validated: {in_words(expected)}" if expected else ""
            print_line(f"in-sample: the model was fitted to these pictures{metrics}")
        print_line(f"gates missed: {', '.join(missed) or 'none'}")
    raise typer.Exit(int(strict and bool(missed)))


@app.command()
def quantize(
    pictures: Annotated[Path, typer.Argument(help="a folder of at least 30 pictures like those that will come")],
    model: Model = None,
    output: Annotated[Path | None, typer.Option(help="the file; default: NAME-int8.pt here")] = None,
    json: AsJson = False,  # noqa: FBT002 - Typer's way to a flag
) -> None:
    r"""
    Make an int8 file of a model of your own: faster on processors, other scores. For ours, see `export`.

    The pictures need no labels. Judge the file with `evaluate`, or as a shadow, before it serves.

    Settings: none.

    Example: [bold]petstream model quantize pictures --output model-int8.pt[/]
    """
    from inference.lab.calibration_pictures import calibration_pictures
    from inference.lab.quantize import quantize as quantized
    from inference.model.file import read_manifest

    with _mistakes(), waiting("reading pictures") as now:
        check_target(output)
        source = _model(model)
        manifest = read_manifest(source)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about damaged metadata
            chosen = calibration_pictures(pictures, manifest.input)
        done = quantized(source, chosen, output or Path(f"{manifest.name}-int8.pt"), step=now)
    if json:
        summary = {name: getattr(done, name) for name in ("pictures", "same_labels", "largest_difference")}
        sys.stdout.buffer.write(_document({"file": str(done.path), **summary}))
        return
    kept = f"{done.same_labels} of {done.pictures} pictures keep their label"
    print_line(f"{kept}; a score moves by {done.largest_difference:.3f} at most")
    print_line(str(done.path))


@app.command()
def info(file: File, json: AsJson = False) -> None:  # noqa: FBT002 - Typer's way to a flag
    """
    Show a model file's manifest, and its checksum as MODEL_SHA256 takes it.

    Settings: none.

    Example: [bold]petstream model info model.pt --json[/]
    """
    from inference.model.file import checksum, read_manifest
    from streams.cli import model_tables

    with _mistakes():
        sha256, manifest = checksum(file), read_manifest(file)
    if json:
        sys.stdout.buffer.write(_document({"sha256": sha256, "manifest": manifest}))
    else:
        out.print(model_tables.manifest(manifest, sha256), soft_wrap=True)


@app.command()
def verify(
    file: File,
    sha256: Annotated[str | None, typer.Option(help="the checksum that the file must have, 64 hex digits")] = None,
    json: AsJson = False,  # noqa: FBT002 - Typer's way to a flag
) -> None:
    """
    Check all that a worker checks before it serves. Exit code 1 if a check fails.

    Settings: none.

    Example: [bold]petstream model verify model.pt[/]
    """
    from inference.lab.verification import verify as checks

    done = []
    with _mistakes(), waiting("checking") as now:
        for check in checks(file, sha256):
            done.append(check)
            now(f"checked: {check.name}")
            if not json:
                mark = ("ok  ", "green") if check.passed else ("FAIL", "red")
                out.print(Text.assemble(mark, f" {check.name}: {printable(check.detail)}"), soft_wrap=True)
    passed = all(check.passed for check in done)
    if json:
        each = [{"name": check.name, "passed": check.passed, "said": check.detail} for check in done]
        sys.stdout.buffer.write(_document({"passed": passed, "checks": each}))
    raise typer.Exit(int(not passed))


@app.command()
def bench(
    model: Model = None,
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="seconds for measuring; loading comes on top")] = 40,
    json: AsJson = False,  # noqa: FBT002 - Typer's way to a flag
) -> None:
    """
    Time the engines on this machine and name the best settings for petstream classify.

    Settings: none.

    Example: [bold]petstream model bench --seconds 60[/]
    """
    from inference.lab.bench import bench as measure
    from inference.lab.bench import recommended
    from streams.cli import model_tables

    with _mistakes(), counted("steps") as progress:
        measured = measure(_model(model), seconds, progress=progress)
    chosen = recommended(measured)
    if json:
        rows = [
            {
                **msgspec.to_builtins(each.setting),
                "pictures_per_second": each.rate,
                "cpu_ms_per_picture": each.cpu_ms,
                "batch_p50_ms": each.p50_ms,
            }
            for each in measured
        ]
        sys.stdout.buffer.write(_document({"measured": rows, "recommended": model_tables.environment(chosen)}))
    else:
        out.print(model_tables.measurements(measured, chosen))


def _model(given: Path | None) -> Path:
    if given is not None:
        return given
    from streams.classify import model_artifact

    return model_artifact.default_model(print_stderr)
