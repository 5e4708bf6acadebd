"""The wheel carries the grammars, and finds them from any folder."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_wheel_is_complete_and_runs_from_anywhere(tmp_path):
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("fcgen-*.whl")
    unpacked = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    shipped = {path.relative_to(ROOT).as_posix() for path in (ROOT / "grammars").glob("*.lark")}
    assert shipped
    assert {path.relative_to(unpacked / "fcgen").as_posix() for path in unpacked.rglob("*.lark")} == shipped
    assert (unpacked / "fcgen" / "py.typed").is_file()
    code = (
        "import fcgen, fcgen.grammar.lark as lark; print(fcgen.__file__);"
        "print(sorted(lark.read_grammar('json'))[0], len(lark.grammar_text('trelis')) > 100)"
    )
    away = tmp_path / "elsewhere"
    away.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=away, env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.splitlines() == [str(unpacked / "fcgen" / "__init__.py"), "CHAR True"]
