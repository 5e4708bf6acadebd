"""Functions that people wrote: all are read, their schemas are valid, and cards say what they say."""

import gzip
import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from fcgen.functions import card_metadata, read_functions

DATA = Path(__file__).parents[3] / "shared" / "data" / "functions"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the shared data is not here")
META = Draft202012Validator(Draft202012Validator.META_SCHEMA)


def records(name):
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.mark.parametrize("name", ["apibank", "bfcl", "sealtools", "snips", "toolalpaca", "trelis_v1"])
def test_every_function_is_read_and_has_a_valid_schema(name):
    checked = set()
    for record in records(name):
        functions = read_functions(record["functions"])
        assert [(f.name, f.description, f.parameters) for f in functions] == [
            (f["name"], f["description"], f["parameters"]) for f in record["functions"]
        ]
        for function in functions:
            if function.name not in checked and len(checked) < 200:
                checked.add(function.name)
                META.validate(function.parameters)
                assert card_metadata(*read_functions(card_metadata(function))) == card_metadata(function)
    assert checked


def test_cards_mean_what_their_json_schemas_mean():
    for record in records("trelis_v1"):
        from_cards = read_functions("".join(json.dumps(card, indent=4) for card in record["trelis_metadata"]))
        from_schemas = read_functions(record["functions"])
        assert [f.name for f in from_cards] == [f.name for f in from_schemas]
        for card, schema in zip(from_cards, from_schemas, strict=True):
            assert card.parameters == {**schema.parameters, "additionalProperties": False}
