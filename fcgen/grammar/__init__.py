"""Languages over bytes: terms, the automaton that numbers them, patterns and grammar texts that are read into them."""
