"""The import levels: each module imports only from the levels above its own, and there are no cycles."""

import ast
import subprocess
import sys
from pathlib import Path

import fcgen

ROOT = Path(fcgen.__file__).parent

LEVEL = {
    "errors": 0,
    "place": 0,
    "threads": 0,
    "core": 0.5,
    "shared": 0.5,
    "grammar": 1,
    "messages": 1,
    "suspected_calls": 1,
    "vocab": 1,
    "functions": 2,
    "schema": 2,
    "mask": 2,
    "control": 2,
    "formats": 2,
    "choice": 3,
    "output_types": 3,
    "call": 4,
    "prompt": 4,
    "reply": 4,
    "decode": 4,
    "verbatim": 4,
    "embedded": 4,
    "events": 5,
    "offers": 5,
    "extraction": 5,
    "engine": 6,
    "servers": 7,
    "steered": 7,
    "models": 8,
    "jobs": 9,
    "cli": 10,
    "__init__": 10,
    "__main__": 11,
}
HEAVY = {"torch", "transformers", "outlines", "llguidance", "xgrammar"}


def part_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[0]


def imported(path):
    """Names of the fcgen modules that a file imports, wherever in the file it does so."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "fcgen":
            tail = node.module.split(".")[1:]
            yield from [tail] if tail else ([alias.name] for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1:] for alias in node.names if alias.name.startswith("fcgen."))


def sources():
    return sorted(ROOT.rglob("*.py"))


def test_every_module_has_a_level():
    assert {part_of(path) for path in sources()} == set(LEVEL)


def test_imports_point_down_only():
    wrong = [
        f"{path.relative_to(ROOT)} imports {'.'.join(target)}"
        for path in sources()
        for target in imported(path)
        if target[0] != part_of(path) and LEVEL[target[0]] >= LEVEL[part_of(path)]
    ]
    assert wrong == []


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def test_no_cycles():
    modules = {module_of(path): path for path in sources()}
    graph = {}
    for name, path in modules.items():
        targets = set()
        for target in imported(path):
            found = tuple(target)
            while found and found not in modules:
                found = found[:-1]
            targets.add(found)
        graph[name] = targets - {name, ()}
    done, path = set(), []

    def visit(name):
        assert name not in path, f"cycle: {path[path.index(name) :]}"
        if name not in done:
            path.append(name)
            for target in graph[name]:
                visit(target)
            path.pop()
            done.add(name)

    for name in graph:
        visit(name)


def test_import_is_light():
    code = "import sys, fcgen; print(sorted({m.split('.')[0] for m in sys.modules} & " + repr(HEAVY) + "))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
