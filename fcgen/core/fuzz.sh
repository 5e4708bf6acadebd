#!/usr/bin/env bash
# Fuzz the native core:
#
#     fcgen/core/fuzz.sh [seconds]        by default an hour; 0: only run what the corpus has
#
# It needs a Clang with libFuzzer (CXX, by default clang++; Debian: clang and libclang-rt-dev) and keeps the corpus in
# tests/data/fuzz small: what reaches nothing new is left out. A C++ compiler without libFuzzer runs the corpus only.
# AddressSanitizer and UndefinedBehaviorSanitizer look on.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=${1:-3600}
compiler=${CXX:-clang++}
corpus=tests/data/fuzz
build=$PWD/build/fuzz
mkdir -p "$build/found" "$corpus"
sources=$(printf 'fcgen/core/%s.cpp ' automaton masks states substrings trie trie_merge walk)  # no Python in them
options="-std=c++20 -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=undefined"

export ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1
if [ "$seconds" = 0 ]; then
  $compiler $options -fsanitize=address,undefined -DFCGEN_REPLAY $sources fcgen/core/fuzz/fuzz_automaton.cpp -o "$build/replay"
  exec "$build/replay" "$corpus"/*
fi
$compiler $options -fsanitize=fuzzer,address,undefined $sources fcgen/core/fuzz/fuzz_automaton.cpp -o "$build/fuzz_automaton"
"$build/fuzz_automaton" -max_total_time="$seconds" -max_len=600 -timeout=20 -artifact_prefix="$build/" "$build/found" "$corpus"
rm -rf "$build/merged"
mkdir "$build/merged"
"$build/fuzz_automaton" -set_cover_merge=1 "$build/merged" "$corpus" "$build/found"
rm -f "$corpus"/*
cp "$build"/merged/* "$corpus"
