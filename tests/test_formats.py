"""Formats: the names lead to the values, and unknown names to an error that helps."""

from __future__ import annotations

import dataclasses

import pytest

from fcgen.errors import PromptError
from fcgen.formats import Format, Markers, find_format, format_names

NAMES = ("trelis-llama2", "trelis-mistral", "trelis-zephyr", "trelis-deepseek-coder", "chat")


def test_the_known_formats():
    assert format_names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_name_leads_to_its_format(name):
    found = find_format(name)
    assert found.name == name
    assert (found.reply, found.function_key, found.arguments_key) == ("trelis", "function", "arguments")
    assert find_format(found) is found


def test_an_envelope_stands_for_its_first_format():
    assert find_format("trelis") is find_format("trelis-llama2")


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(PromptError) as caught:
        find_format("trelis-llama3")
    assert str(caught.value) == (
        "no format is named 'trelis-llama3'. "
        "Known formats: trelis-llama2, trelis-mistral, trelis-zephyr, trelis-deepseek-coder, chat"
    )


@pytest.mark.parametrize(
    ("name", "user"),
    [
        ("trelis-llama2", ("[INST] ", " [/INST]")),
        ("trelis-mistral", ("[INST] ", " [/INST]")),
        ("trelis-zephyr", ("<|user|>\n", "</s>\n<|assistant|>\n")),
        ("trelis-deepseek-coder", ("\n### Instruction:\n", "\n### Response:\n")),
    ],
)
def test_the_markers_of_the_cards(name, user):
    markers = find_format(name).markers
    assert markers is not None
    assert markers.functions == ("<FUNCTIONS>", "</FUNCTIONS>\n\n")
    assert markers.system == ("<<SYS>>\n", "\n<</SYS>>\n\n")
    assert markers.user == user
    assert {"<FUNCTIONS>", "</FUNCTIONS>", "<<SYS>>", "<</SYS>>", *map(str.strip, user)} <= markers.reserved


def test_chat_has_no_markers_of_its_own():
    assert find_format("chat").markers is None


def test_a_format_is_one_frozen_value():
    mine = Format("mine", Markers(("Q: ", "\nA:"), (" ", "\n"), ("<end>",)))
    assert find_format(mine) is mine
    assert mine == dataclasses.replace(mine)
    with pytest.raises(dataclasses.FrozenInstanceError):
        mine.name = "yours"
    assert mine.markers.reserved == {"Q:", "A:", "<end>", "<FUNCTIONS>", "</FUNCTIONS>", "<<SYS>>", "<</SYS>>"}
