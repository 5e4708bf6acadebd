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


def test_of_patterns_that_exclude_each_other_little_is_searched():
    """What one pattern has matched the others exclude at once, without a search through all of them."""
    words = ["NEW", "ON_APPROVAL", "ON_SIGNING", "ON_MODIFICATION", "EXECUTED", "DEPRECATED", "REJECTED"]
    schema = {"type": "string", "oneOf": [{"pattern": word} for word in words]}
    with bounded(60_000):
        root = compile_schema(schema).root
        automaton = Automaton(horizon=80)
        start = automaton.start(root)
        for word in words:
            assert automaton.entered(automaton.step(start, b'"on ' + word.encode()))
        assert automaton.step(start, b'"NEW, REJECTED"') == DEAD
