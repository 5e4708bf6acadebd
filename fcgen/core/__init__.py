"""The native core: tries of tokens, and walks of them through an automaton, in C++."""

from fcgen.core._core import SuffixAutomaton, Trie, Walk, Wanted, suffix_automaton

__all__ = ["SuffixAutomaton", "Trie", "Walk", "Wanted", "suffix_automaton"]
