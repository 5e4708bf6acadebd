"""Each function of the native core, with arguments of all types and sizes: an answer or an exception, never a crash."""

import ast
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fcgen
from fcgen import core
from fcgen.vocab.trie import build_trie

STUB = ast.parse((Path(fcgen.__file__).parent / "core" / "_core.pyi").read_text(encoding="utf-8"))
TRIE = build_trie([b"a", b"b", b"ab", b"ba", b"aab", b"bbbb"])


REFUSED = (
    IndexError,
    ValueError,
    TypeError,
    RuntimeError,
    OverflowError,
    MemoryError,
    AttributeError,
    fcgen.errors.FcgenError,
)


class Plain(core.Automaton):
    """Expands states as ends."""

    def __init__(self):
        super().__init__()
        self.growth = core.Growth(1000, 1)

    def expand(self, state):
        self.make_end(state)

    def skip(self, state, stack, text):
        return state, len(text)


def suffix_automaton():
    flags = np.ones(3, np.uint8)
    return core.suffix_automaton(np.array([0, 1, 0], np.int32), flags, flags, np.ones(3, np.int32))


def automaton():
    found = Plain()
    found.add(4)
    found.make_end(0)
    return found


def owners():
    one = automaton()
    masks = core.MaskCache(one, TRIE, 1)
    table = core.ConfigurationTable(1, 4, 4)
    of_terms = core.TermAutomaton(9, lambda _: 9)
    of_terms.growth = core.Growth(1000, 1000)
    made = [TRIE, one, core.Growth(9, 9), masks, masks.mask(0), suffix_automaton(), table, core.Cursor(table, 0, 9)]
    made += [core.NameTable.of([b"a", b"b"]), core.Contents(is_ascii=True), core.Dfa.of([[(3, 0)]], [0])]
    made += [of_terms, core.Growing(one, core.Growth(9, 9), threading.Lock())]
    return {type(each).__name__.replace("Plain", "Automaton"): each for each in made}


def callables():
    """The owner's class, or None; the name; how many parameters there are."""
    for node in STUB.body:
        if isinstance(node, ast.FunctionDef):
            yield None, node.name, len(node.args.args)
        elif isinstance(node, ast.ClassDef):
            for one in node.body:
                if isinstance(one, ast.FunctionDef) and not one.decorator_list:
                    yield node.name, one.name, len(one.args.args) - 1


@pytest.fixture(autouse=True)
def limits_as_before():
    kept = core.keep_terms(0)
    yield
    core.set_fuel(1 << 62, 1 << 62)
    core.keep_terms(kept)


DEPTH = 200_000
dtypes = st.sampled_from([np.int32, np.int64, np.uint8, np.uint32, np.float64])
numbers = st.integers(-3, 9) | st.sampled_from([2**31 - 1, 2**31, -(2**31), 2**62, 2**63, -(2**63), 2**64, 2**80])
arrays = st.builds(
    lambda dtype, values, shape: np.array(values).astype(dtype).reshape(shape),
    dtypes,
    st.lists(st.integers(-3, 9) | st.sampled_from([2**31 - 1, -(2**31)]), min_size=4, max_size=4),
    st.sampled_from([(4,), (2, 2), (1, 4)]),
) | st.builds(lambda dtype: np.zeros(0, dtype), dtypes)
values = st.one_of(
    st.none(),
    st.booleans(),
    numbers,
    st.floats(),
    st.text(max_size=3),
    st.binary(max_size=40),
    arrays,
    arrays.map(lambda array: array[::-1] if array.ndim == 1 else array.T),
    st.lists(numbers, max_size=4),
    st.lists(st.tuples(st.binary(min_size=32, max_size=32), numbers), max_size=2),
    st.sampled_from([object(), TRIE, core.Kind.END]),
    st.builds(automaton),
    st.builds(suffix_automaton),
    st.sampled_from([core.EMPTY, core.ANY_BYTES, core.literal(b"ab"), core.unknown(3), {"a": core.EMPTY}, {b"b"}]),
    st.lists(st.sampled_from([core.EMPTY, core.literal(b"b"), None]), max_size=3),
    st.sampled_from([len, lambda *_: core.EMPTY, lambda *_: None]),
)


@pytest.mark.parametrize(("owner", "name", "count"), list(callables()))
@settings(max_examples=100)
@given(st.data())
def test_an_answer_or_an_exception(owner, name, count, data):
    arguments = data.draw(st.lists(values, min_size=max(count - 1, 0), max_size=count + 1))
    target = core if owner is None else getattr(core, owner) if name == "__init__" else owners()[owner]
    called = target if name == "__init__" else getattr(target, name)
    if name == "add" and arguments and type(arguments[0]) is int and arguments[0] > 1000:
        target.growth = core.Growth(1000, 1000)
    try:
        called(*arguments)
    except REFUSED:
        return


FORK = """
import os, sys
import fcgen
grammar = fcgen.Grammar.from_json_schema({"type": "array", "items": {"type": "integer"}})
vocabulary = fcgen.Vocabulary([bytes([b]) for b in range(256)], [256], 257)
masks = fcgen.Masks(grammar, vocabulary)
cursor = masks.cursor()
cursor.advance(ord("["))
expected = cursor.copy().mask().tobytes()
child = os.fork()
found = cursor.mask().tobytes()
cursor.advance(ord("1"))
cursor.rollback(1)
assert found == expected == cursor.mask().tobytes()
if child == 0:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
del masks, grammar, vocabulary
assert cursor.mask().tobytes() == expected  # cursors keep what they need
print("done")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_process_goes_on_and_cursors_outlive_their_masks():
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", FORK], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


SUB_INTERPRETERS = """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
code = '''
try:
    import fcgen.core as core
    print(core.literal(b"ab").can_stop, flush=True)
except ImportError:
    print("refused", flush=True)
'''
if main_is_first:
    import fcgen.core
for _ in range(2):
    one = interpreters.create()
    interpreters.run_string(one, code)
    interpreters.destroy(one)
try:
    import fcgen
    print(fcgen.Grammar.from_json_schema({"type": "integer"}).notes, flush=True)
except ImportError:
    print("refused", flush=True)
"""


@pytest.mark.parametrize("main_is_first", [False, True])
def test_one_interpreter_of_a_process_has_the_core(main_is_first):
    """Its terms are one for the process. Where it is loaded in another it must be refused, not mix them up."""
    code = f"main_is_first = {main_is_first}\n{SUB_INTERPRETERS}"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    expected = ["refused", "refused", "()"] if main_is_first else ["False", "refused", "refused"]
    assert (done.returncode, done.stdout.split()) == (0, expected), done.stderr


def test_a_token_that_can_be_read_in_many_ways_is_stepped_through():
    """The ways double with each bracket."""
    arrays = [{"type": "array", "items": {"$ref": "#"}, **more} for more in ({"minItems": 1}, {"maxItems": 3})]
    grammar = fcgen.Grammar.from_json_schema({"anyOf": [*arrays, {"const": 1}]}, whitespace="compact")
    tokens = [bytes([byte]) for byte in range(256)]
    cursor = fcgen.Masks(grammar, fcgen.Vocabulary([*tokens, b"[" * 64], [257], 258)).cursor()
    other = fcgen.Masks(grammar, fcgen.Vocabulary(tokens, [257], 258)).cursor()
    cursor.advance(256)
    for _ in range(64):
        other.advance(ord("["))
    assert cursor.text == other.text


def test_deep_nesting():
    """A schema's own texts, as deep as they may be; and stacks of the core, of which many states wait."""
    grammar = fcgen.Grammar.from_json_schema({"type": "array", "items": {"$ref": "#"}, "maxItems": 1})
    vocabulary = fcgen.Vocabulary([*(bytes([byte]) for byte in range(256)), b"[" * 1000], [257], 258)
    cursor = fcgen.Masks(grammar, vocabulary).cursor()
    with pytest.raises((fcgen.errors.GrammarTooLarge, fcgen.errors.TokenRefused)):
        for _ in range(DEPTH):
            cursor.advance(256)

    nested = Plain()
    nested.growth = core.Growth(2 * DEPTH, 1)
    stack, state = core.BOTTOM, nested.add(1)
    nested.make_table(state, [(b"\xff" * 32, state)])
    end = nested.add(1)
    for _ in range(DEPTH):
        stack = nested.push(end, stack)
    deep = stack << 32 | state
    assert nested.depth(deep) >= DEPTH
    assert nested.step(deep, b"a" * DEPTH) == deep
    assert nested.configuration_of([stack << 32 | end]) >= 0
    core.MaskCache(nested, TRIE, 1).mask(deep).write(np.zeros(1, np.uint32))
