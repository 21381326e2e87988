"""A name that a module imports means that import everywhere in it: no function takes the name for something else."""

import ast
import itertools
from pathlib import Path
from typing import Final

PRODUCT: Final = ("streams", "inference", "persistence", "deploy", "tools")


def shadowed(path: Path) -> set[str]:
    """The imported names that a function of the module binds anew."""
    tree = ast.parse(path.read_text())
    imported = {
        (each.asname or each.name).partition(".")[0]
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for each in node.names
    }
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    bound = {
        node.id if isinstance(node, ast.Name) else node.arg
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.arg) or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    }
    return imported & bound


def test_no_function_shadows_what_its_module_imports() -> None:
    modules = itertools.chain.from_iterable(Path(folder).rglob("*.py") for folder in PRODUCT)
    found = {str(path): shadowed(path) for path in modules}
    assert {path: names for path, names in found.items() if names} == {}
