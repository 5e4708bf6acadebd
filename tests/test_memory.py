"""What a process keeps of grammars that are gone has a bound, however many it has seen."""

import functools
import gc
import importlib
import itertools
import json
import os
import pkgutil
import random
import subprocess
import sys

import numpy as np
import pytest
from tokenizers_made import byte_level

import fcgen
from fcgen import core
from fcgen.call import Grammar
from fcgen.errors import PatternError
from fcgen.grammar import expr
from fcgen.grammar.properties import unicode_property
from fcgen.mask import Masks, cache
from fcgen.vocab import Vocabulary

SMALL = 4  # entries of a cache
ROUNDS, PROBES, TEXTS = 5, 5, 15
OF_FIXED_THINGS = {  # which nobody can add to
    "fcgen.grammar.cases._alike",
    "fcgen.grammar.ecma._anchor",
    "fcgen.grammar.ecma._boundary",
    "fcgen.grammar.ecma._in_either",
    "fcgen.grammar.ecma._not_empty_text",
    "fcgen.grammar.ecma._word",
    "fcgen.schema.formats._make",
}
REMEMBERING = {  # what is written
    "names": {"type": "object", "properties": {"a": {"type": "integer"}}, "minProperties": 3},
    "strings": {"type": "array", "items": {"type": "string"}, "uniqueItems": True, "minItems": 3},
    "objects": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "string"}},
            "required": ["a", "b"],
            "additionalProperties": False,
        },
        "uniqueItems": True,
        "minItems": 2,
    },
}
CACHE = type(functools.lru_cache(len))


def modules():
    """All modules that a grammar and its masks may need."""
    for part in ("grammar", "schema", "mask", "vocab", "functions"):
        package = importlib.import_module(f"fcgen.{part}")
        for one in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(one.name)
    return [module for name, module in sys.modules.items() if name.split(".")[0] == fcgen.__name__]


def caches():
    return {value for module in modules() for value in vars(module).values() if isinstance(value, CACHE)}


def test_no_cache_is_without_a_bound():
    endless = {f"{one.__module__}.{one.__name__}" for one in caches() if one.cache_parameters()["maxsize"] is None}
    assert endless <= OF_FIXED_THINGS


def test_names_that_nobody_knows_are_not_kept_for_good():
    for number in range(1000):
        with pytest.raises(PatternError):
            Grammar.from_regex(rf"^\p{{Nothing{number}}}$")
    assert unicode_property.cache_info().currsize <= 256


def make_schema(number):
    draw = random.Random(number)
    return {
        "type": "object",
        "properties": {
            f"name{number}": {"type": "integer", "minimum": draw.randint(0, 99), "maximum": draw.randint(100, 9999)},
            draw.choice("abc"): {"type": "string", "pattern": f"^[a-z]{{1,{number % 7 + 1}}}-{number}$"},
            "kind": {"enum": [f"one{number}", f"other{number}"]},
        },
    }


def write(masks, seed):
    draw, cursor = random.Random(seed), masks.cursor(budget=60)
    while not cursor.stopped:
        allowed = np.flatnonzero(np.unpackbits(cursor.mask().view(np.uint8), bitorder="little"))
        cursor.advance(int(draw.choice(allowed)))


def living_terms():
    gc.collect()
    return core.living_terms()


def with_small_limits():
    """Write in the grammars of many schemas, all of which are gone: the terms that live on, and the automaton's sizes.

    A term is one of those that are kept for a while, or a state of the automaton has it, or a cache, or it is a part of
    one that is. After each round these are begun anew, then filled with the same few grammars: as many terms live then
    each time, but for those that something else keeps.
    """
    for module in modules():
        for name, value in [*vars(module).items()]:
            if isinstance(value, CACHE) and value in caches() and (value.cache_parameters()["maxsize"] or 0) > SMALL:
                setattr(module, name, functools.lru_cache(SMALL)(value.__wrapped__))
    tokenizer = byte_level()
    vocabulary = Vocabulary.from_tokenizer(tokenizer, stop_ids={tokenizer.eos_token_id})

    def use(number, schema=None, max_terms=500, max_size=1_000):
        core.keep_terms(max_terms)
        expr.MAX_SHARED, cache.MAX_SIZE = max_terms, max_size
        write(Masks(Grammar.from_json_schema(schema or make_schema(number)), vocabulary), number)

    def level(schema=None):
        expr._shared.clear()
        use(0, schema, max_terms=0, max_size=0)
        for number in range(PROBES):
            use(number, schema)
        core.keep_terms(0)
        return living_terms()

    use(0)
    gc.freeze()  # what is there before takes no time
    terms, sizes, after_round = [], [], []
    new = itertools.count(PROBES)
    for _ in range(ROUNDS):
        for number in itertools.islice(new, 25):
            use(number)
            sizes.append(cache.cache_of(vocabulary).automaton.size)
            if number % 5 == 0:
                terms.append(living_terms())
        after_round.append(level())
    of_texts = {}
    for name, schema in REMEMBERING.items():
        few = level(schema)
        for number in range(PROBES, PROBES + TEXTS):
            use(number, schema)
        of_texts[name] = [few, level(schema)]
    return {"terms": terms, "sizes": sizes, "after a round": after_round, "of texts": of_texts}


@pytest.fixture(scope="module")
def found():
    """What `with_small_limits` finds in a process of its own, where all terms are of its grammars."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, __file__], env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_terms_and_states_of_grammars_that_are_gone_level_off(found):
    sizes, after_round = found["sizes"], found["after a round"]
    assert max(sizes) < 1_400  # one grammar more than the limit
    assert sum(then < before for before, then in itertools.pairwise(sizes)) > 2 * ROUNDS
    assert max(found["terms"]) < 8_500  # 7,685; and 2,512 after each round
    assert max(after_round) < min(after_round) + 100  # 8 terms kept of each grammar are 700 more in the end


@pytest.mark.parametrize("name", REMEMBERING)
def test_a_grammar_keeps_nothing_of_texts_that_are_gone(found, name):
    few, many = found["of texts"][name]
    assert many < few + 5 * TEXTS  # 15 to 300 terms more a text, where what makes them keeps them


if __name__ == "__main__":
    json.dump(with_small_limits(), sys.stdout)
