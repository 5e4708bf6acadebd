"""The tokens about which a grammar leaves no choice, so that the model need not be asked."""

from __future__ import annotations

import numpy as np

from fcgen.grammar.automaton import DEAD, Automaton
from fcgen.vocab import Vocabulary


def forced_tokens(automaton: Automaton, vocabulary: Vocabulary, state: int) -> tuple[int, ...]:
    """The longest tokens that spell what must come next.

    The last ones are left out where an allowed token could reach beyond that text, since there the model has a choice.
    The text ends where what may come next depends on what was written before.
    These are the first tokens of the way that `Closings` counts, so they never cost a budget more than it has.
    """
    text = _forced_text(automaton, state)
    tokens: list[int] = []
    while text:
        token = vocabulary.longest(text)
        if token is None or _reaches_beyond(automaton, vocabulary, state, text):
            break
        tokens.append(token)
        spelt = vocabulary.walked_bytes(token)
        state = automaton.step(state, spelt)
        text = text[len(spelt) :]
    return tuple(tokens)


def _forced_text(automaton: Automaton, state: int) -> bytes:
    data = bytearray()
    while not automaton.can_stop[state] and automaton.is_known(state):
        ways = np.flatnonzero(automaton.transitions[state] != DEAD)
        if len(ways) != 1:
            break
        data.append(int(ways[0]))
        state = automaton.step(state, bytes(data[-1:]))
    return bytes(data)


def _reaches_beyond(automaton: Automaton, vocabulary: Vocabulary, state: int, text: bytes) -> bool:
    """Whether a token begins with all of `text`, and goes on with a byte that may come there, for all that is known."""
    trie = vocabulary.trie
    node = -1
    for byte in text:
        node = trie.child(node, byte)
        if node < 0:
            return False
    end = automaton.step(state, text)
    known = automaton.is_known(end)
    alive = automaton.transitions[end] != DEAD
    return any(not known or alive[trie.byte[child]] for child in trie.children(node))
