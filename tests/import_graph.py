"""Who imports whom in this repository, from the syntax: imports inside functions too, those for types alone not."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PARENTS = {"atelier": ROOT / "src", "stages": ROOT, "studies": ROOT}  # package → the folder it is in


def modules(package: str) -> dict[str, Path]:
    """Dotted name → file of every module of a package."""
    parent = PARENTS[package]
    found = {}
    for file in sorted((parent / package).rglob("*.py")):
        parts = file.relative_to(parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


@cache
def nodes(file: Path) -> tuple[ast.AST, ...]:
    """Every node of a file that runs: what stands under `if TYPE_CHECKING:` is left out."""
    found: list[ast.AST] = []
    waiting: list[ast.AST] = [ast.parse(file.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            waiting += node.orelse
            continue
        found.append(node)
        waiting += ast.iter_child_nodes(node)
    return tuple(found)


def imports(file: Path) -> set[str]:
    """Dotted names a file imports; `from a import b` gives both `a` and `a.b`, whatever b is."""
    names = set()
    for node in nodes(file):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import; this repository writes whole names"
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def graph() -> dict[str, set[str]]:
    """Module of atelier → the modules of atelier that it imports (a package's own `__init__` is not counted)."""
    known = modules("atelier")
    edges = {name: imports(file) & known.keys() - {name} for name, file in known.items()}
    # `from atelier.world import render` reaches atelier.world; the bare `atelier` holds nothing but the version.
    return {name: targets - {"atelier"} for name, targets in edges.items()}


def reached(names: set[str], without: frozenset[str] = frozenset()) -> set[str]:
    """These modules and all they import in turn, with the `__init__` of every package on the way.

    Those in `without`, and what only they import, are left out; so is the bare `atelier`.
    """
    edges = graph()
    seen: set[str] = set()
    waiting = names & edges.keys() - {"atelier"}
    while waiting:
        name = waiting.pop()
        if name not in seen | without:
            seen.add(name)
            waiting |= edges[name]
            waiting |= {name.rpartition(".")[0]} - {"atelier"}
    return seen
