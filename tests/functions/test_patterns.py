"""Patterns of Pydantic's types: what is written is what Pydantic accepts."""

import re
from typing import Annotated

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from fcgen.errors import FunctionError
from fcgen.functions import read_functions
from fcgen.grammar.matcher import search

TEXTS = [
    "Yes",
    "yes",
    "yes\n",
    "José",
    "é",
    "a b",
    "1",
    "٣",
    "a\u2028b",
    "a\r\nb",
    " ",
    "\x85",
    "\ufeff",
    "_",
    "A-1",
    "",
]

PATTERNS = ["(?i)^yes$", "(?P<word>^\\w+$)", r"\A[a-z]+", r"\W", r"^\D+$", r"^\S+$", "^.+$", r"[^\w\s]", "(?x) ^ y # e"]
PATTERNS += [re.compile("^YES", re.IGNORECASE), re.compile(r"^\w+\Z", re.ASCII)]


def model(pattern, engine):
    config = ConfigDict(regex_engine=engine)
    return create_model("Model", __config__=config, x=(Annotated[str, Field(pattern=pattern)], ...))


def schema_of(source):
    return read_functions([source])[0].parameters["properties"]["x"]


@pytest.mark.parametrize("engine", ["rust-regex", "python-re"])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_what_is_written_is_what_pydantic_accepts(pattern, engine):
    kind = model(pattern, engine)
    judge = search(schema_of(kind)["pattern"])
    for text in TEXTS:
        try:
            kind(x=text)
        except ValidationError:
            assert not judge(text), text
        else:
            assert judge(text) or text.endswith("\n"), text


def test_patterns_of_keys_items_and_parameters():
    def call(
        x: Annotated[str, Field(pattern=r"(?i)a\z")],
        names: dict[Annotated[str, Field(pattern=r"\Ab\z")], int],
        items: list[Annotated[str, Field(pattern=re.compile("c", re.IGNORECASE))]],
    ) -> None:
        """Do it."""

    properties = read_functions([call])[0].parameters["properties"]
    assert properties["x"]["pattern"] == "[Aa]$"
    assert list(properties["names"]["patternProperties"]) == ["^b$"]
    assert properties["items"]["items"]["pattern"] == "[Cc]"


def test_what_json_schema_cannot_say_is_refused_with_its_parameter():
    class Model(BaseModel):
        model_config = ConfigDict(regex_engine="python-re")
        x: Annotated[str, Field(pattern=r"(?P<a>.)(?P=a)")]

    with pytest.raises(FunctionError, match="has a back reference, at offset 8"):
        read_functions([Model])
