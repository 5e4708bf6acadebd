"""`_core.pyi` says what the native core has: the same names, and of each callable the same parameters."""

import ast
import re
from enum import Enum
from pathlib import Path

import fcgen
from fcgen.core import _core

STUB = Path(fcgen.__file__).parent / "core" / "_core.pyi"


def parameters(arguments):
    """The names of a signature, `self` left out; those with a default end with `=`."""
    positional = arguments.posonlyargs + arguments.args
    required = len(positional) - len(arguments.defaults)
    names = [one.arg + "=" * (at >= required) for at, one in enumerate(positional)]
    names += [
        one.arg + "=" * (default is not None)
        for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]
    return [name for name in names if name != "self"]


def described(body):
    """What the statements of a stub describe: names, with parameters for callables, and what each class has."""
    found = {}
    for node in body:
        if isinstance(node, ast.ClassDef):
            found[node.name] = described(node.body)
        elif isinstance(node, ast.FunctionDef):
            decorators = [ast.unparse(one) for one in node.decorator_list]
            if any(one.endswith(".setter") for one in decorators):
                continue
            found[node.name] = "value" if "property" in decorators else parameters(node.args)
        elif isinstance(node, ast.AnnAssign):
            found[node.target.id] = "value"
        elif isinstance(node, ast.Assign):
            found[node.targets[0].id] = "value"
    return {name: what for name, what in found.items() if name == "__init__" or not name.startswith("_")}


def signature(callable_):
    """The parameters of a callable of nanobind's, as it states them itself."""
    ((text, *_),) = callable_.__nb_signature__
    text = re.sub(r"\\\d+", "None", text)  # stands for a default
    text = re.sub(r"ndarray\[[^\]]*\]", "ndarray", text)  # no Python within the brackets
    (node,) = ast.parse(f"{text}: ...").body
    return parameters(node.args)


def members(owner):
    """What a module or a class has, in the form of `described`."""
    found = {}
    for name, value in vars(owner).items():
        if name.startswith("_") and name != "__init__":
            continue
        if isinstance(value, type) and issubclass(value, Enum):
            found[name] = dict.fromkeys(value.__members__, "value")
        elif isinstance(value, type):
            found[name] = members(value)
        else:
            found[name] = signature(value) if hasattr(value, "__nb_signature__") else "value"
    if found.get("__init__") == "value":  # Python cannot make one
        del found["__init__"]
    return found


def test_the_stub_is_what_the_module_has():
    stub = described(ast.parse(STUB.read_text(encoding="utf-8")).body)
    module = members(_core)
    assert stub.keys() == module.keys()
    assert {name: stub[name] for name in stub if stub[name] != module[name]} == {
        name: module[name] for name in stub if stub[name] != module[name]
    }


def test_the_stub_names_settable_members():
    """What the stub gives a type and no property can be set; a property without a setter cannot."""
    for owner in (node for node in ast.parse(STUB.read_text(encoding="utf-8")).body if isinstance(node, ast.ClassDef)):
        native = getattr(_core, owner.name)
        if issubclass(native, Enum):
            continue
        annotated = {node.target.id for node in owner.body if isinstance(node, ast.AnnAssign)}
        settable = {name for name, value in vars(native).items() if getattr(value, "fset", None)}
        assert settable == annotated, owner.name
