"""The tokens of a model as bytes: what each one adds to a text, and a trie to walk them all at once."""

from fcgen.vocab.trie import Trie
from fcgen.vocab.vocabulary import Vocabulary

__all__ = ["Trie", "Vocabulary"]
