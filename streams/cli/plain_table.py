"""A table without lines, as the commands about models print it."""

from rich.table import Table


def columns(*headers: str | tuple[str, str]) -> Table:
    """A table with these headers; columns are right-aligned unless stated otherwise."""
    table = Table(box=None, pad_edge=False)
    for header in headers:
        name, justify = (header, "right") if isinstance(header, str) else header
        table.add_column(name, justify=justify)  # type: ignore[arg-type] # left and right are rich's words
    return table
