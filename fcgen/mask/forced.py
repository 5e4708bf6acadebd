"""The tokens about which a grammar leaves no choice, so that the model need not be asked."""

from __future__ import annotations

from fcgen.grammar.automaton import Automaton
from fcgen.vocab import Vocabulary


def forced_tokens(automaton: Automaton, vocabulary: Vocabulary, place: int) -> tuple[int, ...]:
    """The longest tokens that spell what must come next. The automaton's lock is held.

    The last ones are left out where an allowed token could reach beyond that text, since there the model has a choice.
    The text ends where what may come next depends on what was written before.
    These are the first tokens of the way that `Closings` counts, so they never cost a budget more than it has.
    """
    text = forced_text(automaton, place)
    tokens: list[int] = []
    while text:
        token = vocabulary.longest(text)
        if token is None or _reaches_beyond(automaton, vocabulary, place, text):
            break
        tokens.append(token)
        spelt = vocabulary.walked_bytes(token)
        place = automaton.step(place, spelt)
        text = text[len(spelt) :]
    return tuple(tokens)


def forced_text(automaton: Automaton, place: int) -> bytes:
    """What must come next, as far as that is told by the next byte each time. The automaton's lock is held."""
    data = bytearray()
    while not automaton.can_stop(place) and (ways := automaton.next_bytes(place)) is not None:
        if len(ways) != 1:
            break
        data.append(ways[0])
        place = automaton.step(place, bytes(data[-1:]))
    return bytes(data)


def _reaches_beyond(automaton: Automaton, vocabulary: Vocabulary, place: int, text: bytes) -> bool:
    """Whether a token begins with all of `text`, and goes on with a byte that may come there, for all that is known."""
    trie = vocabulary.trie
    node = -1
    for byte in text:
        node = trie.child(node, byte)
        if node < 0:
            return False
    ways = automaton.next_bytes(automaton.step(place, text))
    return any(ways is None or trie.byte[child] in ways for child in trie.children(node))
