"""How much work the places of strings take."""

import itertools

from fcgen.grammar.automaton import DEAD, Automaton
from fcgen.grammar.work import bounded
from fcgen.schema.compile import compile_schema


def test_many_patterns_beside_a_length_take_few_steps():
    """What holds but for the length is one automaton, so that no place searches through all patterns for its end."""
    others = [{"not": {"pattern": pattern}} for pattern in ("ab1", "b12", "ca1")]
    schema = {"type": "string", "minLength": 10, "maxLength": 90, "pattern": "[aA][12].*[zZ]", "allOf": others}
    with bounded(10_000):
        root = compile_schema(schema).root
    automaton = Automaton(horizon=80)
    with bounded(6_000):
        start = automaton.start(root)
        places = {automaton.step(start, b'"' + bytes(text)) for text in itertools.product(b"ab12c ", repeat=4)}
        for place in places - {DEAD}:
            assert automaton.entered(place)
