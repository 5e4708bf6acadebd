"""A sample of MaskBench: real schemas with instances. Nothing invalid is accepted; what is refused says why."""

import gzip
import hashlib
import json
from pathlib import Path

import pytest
from walking import accepts

from fcgen.errors import FcgenError
from fcgen.schema import Text, compile_schema

CORPUS = Path(__file__).parents[3] / "shared" / "data" / "maskbench" / "maskbench.jsonl.gz"
SIZE = 120


@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus is not part of the project")
def test_real_schemas():
    with gzip.open(CORPUS, "rt", encoding="utf-8") as lines:
        cases = sorted(map(json.loads, lines), key=lambda case: hashlib.sha256(case["file"].encode()).digest())[:SIZE]
    compiled, accepted = 0, {True: [], False: []}
    for case in cases:
        try:
            root = compile_schema(case["schema"], text=Text("flexible", "any")).root
        except FcgenError as error:
            assert str(error)
            continue
        compiled += 1
        for test in case["tests"]:
            accepted[test["valid"]].append(accepts(root, json.dumps(test["data"], ensure_ascii=False).encode()))
    assert compiled > 0.75 * SIZE
    assert not any(accepted[False])
    assert sum(accepted[True]) > 0.95 * len(accepted[True])
