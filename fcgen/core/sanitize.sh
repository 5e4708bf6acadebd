#!/usr/bin/env bash
# Run tests on a core that is built with AddressSanitizer and UndefinedBehaviorSanitizer:
#
#     fcgen/core/sanitize.sh [arguments of pytest]        by default all tests that need no model
#
# PYTHON is the interpreter of an environment with fcgen's dev extra (by default .venv/bin/python). It needs GCC. The
# installation there is left as it is: the tests import a copy of the package in build/sanitized. Leaks are not looked
# for, since CPython and torch have their own.
#
#     SANITIZERS=thread fcgen/core/sanitize.sh -k threads tests/mask tests/vocab
#
# builds with ThreadSanitizer. Races within the libraries of others, which are not built with it, are left out.
set -euo pipefail
cd "$(dirname "$0")/../.."

python=${PYTHON:-.venv/bin/python}
sanitizers=${SANITIZERS:-address,undefined}
build=$PWD/build/sanitized-${sanitizers//,/-}
cmake=$(command -v cmake || "$python" -c 'import cmake, os; print(os.path.join(cmake.CMAKE_BIN_DIR, "cmake"))')

"$cmake" -S fcgen/core -B "$build" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O1 -g1" -DCMAKE_CXX_COMPILER="${CXX:-g++}" \
  -DPython_EXECUTABLE="$("$python" -c 'import sys; print(sys.executable)')" \
  -Dnanobind_DIR="$("$python" -m nanobind --cmake_dir)" -DFCGEN_SANITIZE="$sanitizers" \
  -DSKBUILD_PROJECT_VERSION_FULL="$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)" >"$build.log"
"$cmake" --build "$build" -j2 >>"$build.log" || { cat "$build.log" >&2; exit 1; }

rm -rf "$build/tree"
mkdir "$build/tree"
cp -r fcgen grammars "$build/tree"
rm -f "$build"/tree/fcgen/core/_core.*so
cp "$build"/_core.*so "$build/tree/fcgen/core"

preloaded=
for library in $([ "$sanitizers" = thread ] && echo libtsan.so || echo libasan.so) libstdc++.so; do
  preloaded+="$(realpath "$("${CXX:-g++}" -print-file-name="$library")") "  # C++ exceptions are intercepted, too
done

[ $# -gt 0 ] || set -- -m "not model"
[ "$sanitizers" != thread ] || set -- -s "$@"  # pytest would keep the report, which ends the process
printf 'called_from_lib:%s\n' tokenizers.abi3.so libtorch libgomp libopenblas libscipy_openblas >"$build/suppressed"
# `python -m pytest` would import the package of the current folder.
LD_PRELOAD=$preloaded PYTHONPATH=$build/tree PYTHONMALLOC=malloc PYTHONDONTWRITEBYTECODE=1 \
  ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS="halt_on_error=1:suppressions=$build/suppressed" \
  "$python" -c '
import sys
del sys.path[0]
import pytest
import fcgen.core._core as core
assert "'"$sanitizers"'" in core.build, core.__file__
sys.exit(pytest.main(["-p", "no:cacheprovider", *sys.argv[1:]]))
' "$@"
