"""Threads of our own processes: how they wait is chosen before torch is loaded, and not where the user has chosen."""

import os
import subprocess
import sys

import pytest

MAIN = """
import os, sys
sys.argv = ["fcgen", "--version"]
import fcgen
assert "OMP_WAIT_POLICY" not in os.environ or os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
from fcgen.cli import main
assert "torch" not in sys.modules
try:
    main()
except SystemExit as end:
    assert not end.code
print([os.environ.get(name) for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")], "torch" in sys.modules)
"""


@pytest.mark.parametrize(
    ("chosen", "held"),
    [
        ({}, ["PASSIVE", None]),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, ["ACTIVE", None]),
        ({"GOMP_SPINCOUNT": "9"}, [None, "9"]),
    ],
)
def test_the_command_line_lets_threads_sleep_and_the_library_does_not(chosen, held):
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_", "KMP_"))}
    done = subprocess.run(
        [sys.executable, "-c", MAIN], env={**ours, **chosen}, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == f"{held} False"
