"""Tokens that end where no tokenizer would end them, though the text may go on there.

A grammar is over bytes, and so is a mask: with `{"` it allows `{` as well, which the model may only like since it has
another text in mind (`{` and a line break). What it writes then is `{` and `"`, two tokens where it has only ever read
one, and it goes on worse from there. Such a token is left out where each byte that may follow it is a mark of JSON, and
makes a longer token with it that is allowed. (Tokenizers merge marks that stand together, but cut words, and brackets
that close, each in its own way.)

No text is lost: whatever may follow such a token, a longer one begins with that too.
"""

from __future__ import annotations

from fcgen.grammar.automaton import DEAD, Automaton
from fcgen.mask.bits import Words, tokens_in
from fcgen.vocab import Vocabulary

MANY = 64  # tokens: where there are more, there is a text of any kind
_MARKS = frozenset(b'{}[]":,')
# What makes one token with what stands before it. Runs of closing brackets are cut in many ways, unless all is closed
# that was just opened.
_AFTER = {b"{": _MARKS, b"[": _MARKS, b'"': _MARKS - set(b"]}"), b":": _MARKS - set(b"]}"), b",": _MARKS - set(b"]}")}


def cut_short(automaton: Automaton, vocabulary: Vocabulary, place: int, row: Words) -> list[int]:
    """The tokens in `row`, the mask of `place`, that are left out. The automaton's lock is held."""
    tokens = tokens_in(row, MANY) or []
    texts = [vocabulary.walked_bytes(token) for token in tokens]
    return [token for token, text in zip(tokens, texts, strict=True) if _goes_on(automaton, place, text, texts)]


def _goes_on(automaton: Automaton, place: int, text: bytes, texts: list[bytes]) -> bool:
    """Whether one of `texts` begins with `text` and any byte that may come after it, all of them marks."""
    longer = {other[len(text)] for other in texts if len(other) > len(text) and other.startswith(text)}
    if not longer or not _MARKS.issuperset(text) or text[-1:] not in _AFTER:
        return False
    then = automaton.step(place, text)
    ways = None if then == DEAD or automaton.can_stop(then) else automaton.next_bytes(then)
    return ways is not None and longer.intersection(_AFTER[text[-1:]]).issuperset(ways)
