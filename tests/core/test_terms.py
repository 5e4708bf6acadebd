"""Native terms as objects of Python: who keeps them, who frees them, and what they refuse."""

import gc
import weakref

import pytest
from grammar.terms_made import terms
from hypothesis import given

from fcgen import core
from fcgen.grammar.expr import ANY_BYTES, EMPTY, NOTHING, alt, byte_set, deferred, literal, optional, repeat, seq
from fcgen.grammar.terms import Scope


class Owner:
    """Something that a term refers to, and that refers to the term."""

    def __init__(self):
        self.term = seq(literal(b"a"), deferred(self.build, literal(b"b")))

    def build(self):
        return literal(b"b")


@pytest.fixture
def nothing_kept():
    before = core.keep_terms(0)
    yield
    core.keep_terms(before)


def test_only_terms_that_lead_to_objects_of_python_are_known_to_the_garbage_collector():
    plain = seq(optional(literal(b"abc")), repeat(byte_set(0b110)))
    assert not gc.is_tracked(plain)
    assert gc.is_tracked(seq(plain, deferred(lambda: EMPTY, EMPTY)))


@pytest.mark.usefixtures("nothing_kept")
def test_a_term_in_a_cycle_with_what_builds_it_is_collected():
    owner = Owner()
    core.arcs(owner.term)
    gone = weakref.ref(owner)
    del owner
    gc.collect()
    assert gone() is None


@pytest.mark.usefixtures("nothing_kept")
def test_terms_that_nothing_refers_to_are_freed():
    gc.collect()
    before = core.living_terms()
    scope = Scope()
    loop = alt(literal(b"x"), seq(literal(b"y"), core.reference(scope, "loop")))
    scope.define("loop", loop)
    core.arcs(repeat(loop, 3, 9))
    core.keep_terms(0)
    del loop, scope
    gc.collect()
    assert core.living_terms() == before


@given(terms())
def test_a_term_is_one_object_as_long_as_it_lives(pair):
    term, _ = pair
    copy = alt(*term.parts) if type(term) is core.Alt else seq(EMPTY, term, EMPTY)
    assert copy is term


def test_terms_of_any_depth_are_freed():
    term = EMPTY
    for _ in range(200_000):
        term = seq(byte_set(0b110), optional(term))
    with pytest.raises(RecursionError):
        core.arcs(core.complement(nested(100_000)))
    del term


def nested(depth):
    term = byte_set(0b110)
    for byte in range(depth):
        term = core.complement(seq(term, literal(bytes([byte % 256]))))
    return term


@pytest.mark.parametrize("wrong", [None, 1, b"a", "a", object(), [literal(b"a")]])
@pytest.mark.parametrize(
    "build",
    [
        core.seq,
        core.alt,
        core.both,
        core.complement,
        core.apart,
        core.arcs,
        core.fewest,
        core.parts_of,
        core.repeat,
        lambda wrong: core.follow(EMPTY, wrong),
        lambda wrong: core.alt_of([EMPTY, wrong]),
        lambda wrong: core.derived(wrong, 1),
        core.force,
        lambda wrong: core.unlike(wrong, {b"a"}),
        lambda wrong: core.arcs(deferred(lambda: wrong, literal(b"a"))),
        lambda wrong: core.arcs(core.reference({1: wrong}, 1)),
        lambda wrong: core.derived(core.recorded(literal(b"a"), b"", lambda _: wrong, literal(b"b")), ord("a")),
    ],
)
def test_what_is_no_term_is_a_type_error(build, wrong):
    with pytest.raises(TypeError):
        build(wrong)


def test_what_is_out_of_range_is_an_error():
    with pytest.raises((OverflowError, TypeError)):
        core.byte_set(1 << 256)
    with pytest.raises((OverflowError, TypeError)):
        core.byte_set(-1)
    with pytest.raises(TypeError):
        core.derived(EMPTY, 256)
    with pytest.raises(TypeError):
        core.Seq()
    assert repeat(literal(b"a"), 0, -1) is NOTHING
    assert repeat(literal(b"a"), 0, 10**30) is repeat(literal(b"a"))
    assert core.fewest(repeat(repeat(literal(b"a"), 10**30), 10**30)) == 1 << 100
    assert core.both() is ANY_BYTES


def test_what_builds_a_term_may_fail_and_is_asked_again():
    answers = [ValueError("not yet"), literal(b"a")]

    def build():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    term = deferred(build, literal(b"a"))
    with pytest.raises(ValueError, match="not yet"):
        core.arcs(term)
    assert core.arcs(term) == [(1 << ord("a"), EMPTY)]
