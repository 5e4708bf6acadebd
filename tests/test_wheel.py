"""The wheel and the source distribution: complete, small, and enough, without the source tree."""

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MOST_BYTES = 1_500_000
MASK = """
import sys
import fcgen, fcgen.core, fcgen.grammar.lark as lark
from fcgen.core import _core
assert _core.version == fcgen.__version__, _core.version
assert lark.read_grammar("json") and len(lark.grammar_text("trelis")) > 100
vocabulary = fcgen.Vocabulary([b"1", b"2", b"x", None], [3])
cursor = fcgen.Masks(fcgen.Grammar.from_json_schema({"enum": [1, 2]}), vocabulary).cursor()
cursor.advance(0)
assert cursor.can_stop
assert not {"torch", "transformers"} & set(sys.modules)
print(fcgen.__file__, _core.__file__)
"""


def run(*words, **options):
    finished = subprocess.run(words, check=False, capture_output=True, text=True, **options)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """The wheel for this Python, built as pip builds it for a user: in an environment of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    (built,) = folder.glob("fcgen-*.whl")
    return built


def names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def extension(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (found,) = (one for one in archive.infolist() if one.filename.endswith((".so", ".pyd")))
        return found


def tracked(folder, *endings):
    """The files of a folder that are no products of a build."""
    return {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.name.endswith(endings)
    }


def test_the_wheel_has_what_is_imported_and_no_sources(wheel):
    package = {name for name in names(wheel) if not name.split("/")[0].endswith(".dist-info")}
    grammars = {f"fcgen/{name}" for name in tracked("grammars", ".lark")}
    assert grammars
    python = tracked("fcgen", ".py", ".pyi", "py.typed") - {
        "fcgen/core/build_backend.py",
        "fcgen/core/editable_hook.py",
    }
    assert "fcgen/py.typed" in python
    assert package - python == grammars | {extension(wheel).filename}
    assert python <= package


def test_the_extension_is_small(wheel):
    found = extension(wheel)
    assert found.filename.startswith("fcgen/core/_core.")
    assert 0 < found.file_size < MOST_BYTES


def test_the_wheel_runs_on_its_own(wheel, tmp_path):
    """In a new environment, with what fcgen needs from elsewhere, from another folder and without the source tree."""
    bare = tmp_path / "bare"
    venv.create(bare, symlinks=os.name != "nt")
    site = tmp_path / "site"
    run(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(site), str(wheel))
    needed = tmp_path / "needed"  # all that is installed here but fcgen
    needed.mkdir()
    for path in {Path(one) for one in sys.path if one and Path(one).name in {"site-packages", "dist-packages"}}:
        for entry in path.iterdir():
            if "fcgen" not in entry.name and entry.suffix != ".pth" and not (needed / entry.name).exists():
                (needed / entry.name).symlink_to(entry)
    python = bare / ("Scripts" if os.name == "nt" else "bin") / "python"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment["PYTHONPATH"] = os.pathsep.join([str(site), str(needed)])
    printed = run(str(python), "-c", MASK, cwd=tmp_path, env=environment).split()
    assert printed[0] == str(site / "fcgen" / "__init__.py")
    assert Path(printed[1]).parent == site / "fcgen" / "core"
    assert str(ROOT) not in run(str(python), "-c", "import sys; print(sys.path)", cwd=tmp_path, env=environment)


def test_the_source_distribution_is_complete(tmp_path):
    build = f"import build_backend; build_backend.build_sdist({str(tmp_path)!r})"
    run(sys.executable, "-c", build, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT / "fcgen" / "core")})
    (built,) = tmp_path.glob("fcgen-*.tar.gz")
    with tarfile.open(built) as archive:
        packed = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    wanted = {"README.md", "pyproject.toml", "PKG-INFO"}
    wanted |= tracked("fcgen", ".py", ".pyi", ".cpp", ".hpp", "CMakeLists.txt", "py.typed")
    wanted |= tracked("grammars", ".lark") | tracked("tests", ".py", ".json") | tracked("benchmarks", ".py")
    assert wanted - packed == set()
    assert not [name for name in packed if name.endswith((".so", ".pyd", ".pyc"))]
