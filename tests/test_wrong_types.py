"""Arguments of the wrong type: each is refused with an error of fcgen's that says what to give instead."""

import re
from itertools import product
from pathlib import Path

import numpy as np
import pydantic
import pytest
import torch
from tokenizers_made import byte_level

from fcgen import Grammar, LogitsProcessor, Masks, OutlinesProcessor, Vocabulary, parse_reply
from fcgen.errors import FunctionError, GrammarError, OptionError, PatternError, SchemaError, TokenRefused

VOCABULARY = Vocabulary([bytes([byte]) for byte in range(256)] + [None], [256])
GRAMMAR = Grammar.from_regex("ab*")
MASKS = Masks(GRAMMAR, VOCABULARY)
FUNCTION = {"name": "f", "parameters": {"type": "object", "properties": {}}}


class Model(pydantic.BaseModel):
    a: int


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((VOCABULARY, GRAMMAR), "found Vocabulary and Grammar. Swap the two"),
        ((GRAMMAR, byte_level()), "Make the vocabulary with Vocabulary.from_tokenizer(tokenizer)"),
        ((GRAMMAR, "gpt2"), "found Grammar and str. Make the vocabulary"),
        ((GRAMMAR, None), "found Grammar and NoneType. Make the vocabulary"),
        (({"type": "object"}, VOCABULARY), "found dict and Vocabulary. Make the grammar with Grammar.from_functions"),
        ((Grammar, VOCABULARY), "Make the grammar"),
        ((VOCABULARY, VOCABULARY), "Make the grammar"),
        ((None, None), "Make the grammar"),
    ],
)
def test_masks_of_something_else(arguments, said):
    with pytest.raises(OptionError, match=re.escape(said)):
        Masks(*arguments)


@pytest.mark.parametrize(
    ("name", "value"),
    [*product(["max_states", "max_steps"], ["a", 1.5, True]), ("max_states", None)],
)
def test_limits_of_masks(name, value):
    with pytest.raises(OptionError, match=f"{name} is .*, which is not a whole number. Give an integer"):
        Masks(GRAMMAR, VOCABULARY, **{name: value})


@pytest.mark.parametrize("kind", [LogitsProcessor, OutlinesProcessor])
@pytest.mark.parametrize("masks", [GRAMMAR, None, VOCABULARY, Masks])
def test_processors_without_masks(kind, masks):
    with pytest.raises(OptionError, match=r"made of Masks, found \w+. Make them with Masks\(grammar, vocabulary\)"):
        kind(masks)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (LogitsProcessor, "budget"),
        (LogitsProcessor, "prompt_tokens"),
        (OutlinesProcessor, "budget"),
        (OutlinesProcessor, "context"),
    ],
)
@pytest.mark.parametrize("value", ["5", 5.0])
def test_numbers_of_processors(kind, name, value):
    with pytest.raises(OptionError, match=f"{name} is .*, which is not a whole number"):
        kind(MASKS, **{name: value})
    kind(MASKS, **{name: np.int64(5)})


@pytest.mark.parametrize("budget", ["5", 5.0, float("nan"), True, [5], torch.tensor(5.0), np.array([5, 6])])
def test_budgets_that_are_no_whole_number(budget):
    with pytest.raises(OptionError, match=r"budget is .*, which is not a whole number"):
        MASKS.cursor(budget=budget)


@pytest.mark.parametrize("budget", [5, np.int64(5), np.array(5), torch.tensor(5)])
def test_budgets_of_other_libraries(budget):
    left = MASKS.cursor(budget=budget).left
    assert left == 5
    assert type(left) is int


WRONG_TOKENS = ["a", b"a", None, 97.0, np.float64(97), torch.tensor(97.0), [97], np.array([97, 98]), 256.0, -1.0, 9e9]


@pytest.mark.parametrize("token", [*WRONG_TOKENS, torch.tensor([97, 98])], ids=repr)
@pytest.mark.parametrize("budget", [None, 9])
@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("before", [[], [97], [97, 256]])
def test_tokens_that_are_no_integer(token, budget, warm, before):
    masks = Masks(GRAMMAR, VOCABULARY)
    if warm:
        for taken in range(97, 99):
            masks.cursor().advance(97)
            one = masks.cursor(budget)
            one.advance(97)
            one.advance(98 if taken == 98 else 256)
    cursor = masks.cursor(budget)
    for taken in before:
        cursor.advance(taken)
    with pytest.raises(OptionError, match=r"token .* is no integer. Give the id of one token"):
        cursor.advance(token)
    assert cursor.tokens == tuple(before)
    if not before:
        cursor.advance(97)
    assert cursor.text[:1] == b"a"
    assert cursor.stopped == (256 in before)


@pytest.mark.parametrize(
    "kind", [int, np.int64, np.uint16, np.array, torch.tensor, lambda token: torch.tensor([token])]
)
def test_tokens_that_are_integers_of_other_libraries(kind):
    cursor = MASKS.cursor()
    for token in (97, 98, 98, 256):
        with pytest.raises(TokenRefused) as error:
            cursor.advance(kind(99))
        assert error.value.token == 99
        cursor.advance(kind(token))
    assert cursor.stopped
    assert cursor.tokens == (97, 98, 98, 256)
    assert {type(token) for token in cursor.tokens} == {int}
    assert cursor.text == b"abb"
    cursor.rollback(2)
    assert cursor.copy().tokens == (97, 98)


@pytest.mark.parametrize("pattern", [3, None, b"a", [1], re.compile("a")])
def test_patterns_that_are_no_string(pattern):
    with pytest.raises(PatternError, match="a pattern must be a string, found"):
        Grammar.from_regex(pattern)


def test_a_compiled_pattern_is_told_where_its_text_is():
    with pytest.raises(PatternError, match="Give its text, which is its attribute `pattern`"):
        Grammar.from_regex(re.compile("a"))


@pytest.mark.parametrize("text", [3, None, b"start: A", [1], Path("x.lark")])
def test_grammars_that_are_no_string(text):
    with pytest.raises(GrammarError, match=r"a grammar must be a string in Lark's notation, found .* path.read_text"):
        Grammar.from_lark(text)


@pytest.mark.parametrize(
    "make",
    [
        lambda steps: Grammar.from_json_schema({}, max_steps=steps),
        lambda steps: Grammar.from_regex("a", max_steps=steps),
        lambda steps: Grammar.from_lark('start: "a"', max_steps=steps),
        lambda steps: Grammar.from_output_type(int, max_steps=steps),
        lambda steps: Grammar.from_functions([FUNCTION], max_steps=steps),
        lambda steps: Grammar.from_functions([FUNCTION], max_steps=steps, on_error="leave_out"),
    ],
)
def test_steps_that_are_no_whole_number(make):
    for steps in ("a", None, 1.5, True, [1]):
        with pytest.raises(OptionError, match=r"max_steps is .*, which is not a whole number"):
            make(steps)
    make(np.int64(100_000))


@pytest.mark.parametrize("text", [None, 3, b"{", {"a": 1}])
def test_replies_that_are_no_string(text):
    with pytest.raises(OptionError, match=r"a reply must be a string, found .* Give the text"):
        parse_reply(text, [FUNCTION])


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ('{"type": "object"}', "json.loads"),
        ({"properties": {"a": '{"type": "object"}'}}, "json.loads"),
        (Model, "use Grammar.from_output_type"),
        ({"properties": {"a": Model}}, "use Grammar.from_output_type"),
    ],
)
def test_schemas_that_are_texts_or_classes(schema, said):
    with pytest.raises(SchemaError, match=f"a schema must be an object or a boolean, found .*{said}"):
        Grammar.from_json_schema(schema)


@pytest.mark.parametrize("schema", [None, 3, [1], Model(a=1), {"properties": {"a": "integer"}}])
def test_schemas_that_are_something_else(schema):
    with pytest.raises(SchemaError, match=r"a schema must be an object or a boolean, found .*") as error:
        Grammar.from_json_schema(schema)
    assert error.value.hint is None


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ([], 'choice is an empty list, .* or use "none" for a text'),
        ((), "choice is an empty list"),
        (["auto", "f"], r"choice \['auto', 'f'\] has 'auto', which is no function's name, .* Use 'auto' alone"),
        (["none"], "Use 'none' alone"),
        (None, 'choice is None. Use "auto", "required"'),
        (True, "choice is True. Use"),
        ([["f"]], "choice is .* Use"),
        (["g"], "choice 'g' is none of the functions offered: 'f'"),
    ],
)
def test_choices_that_cannot_be(choice, said):
    with pytest.raises(FunctionError, match=said):
        Grammar.from_functions([FUNCTION], choice=choice)


def test_a_function_may_have_the_name_of_a_choice():
    grammar = Grammar.from_functions([FUNCTION, {**FUNCTION, "name": "auto"}], choice=["auto", "f"])
    assert [function.name for function in grammar.functions] == ["f", "auto"]


def test_a_value_as_output_type_means_its_own_text():
    for value in (3, 1.5, True, "a"):
        cursor = Masks(Grammar.from_output_type(value), VOCABULARY).cursor()
        assert cursor.forced_text == str(value).encode()
