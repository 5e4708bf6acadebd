"""Name -> Format: how one model family is asked, and how it answers, as one value.

The prompt, the reply grammar and the reply's parser all read that value, so a new family is one more value here
(and, where it answers in a new way, one more file in grammars/), never a class.

A format names its reply envelope: the text around a call's name and arguments, which grammars/<reply>.lark spells.
All formats share the envelope "trelis" today, `{"function": ..., "arguments": {...}}`. Where only the envelope counts,
as in `Grammar.from_functions(..., format="trelis")`, an envelope's name stands for the first format that has it.

Limits: one call in a reply. The models' own tool-call markers (`<tool_call>`, `[TOOL_CALLS]`, ...) are not here.
"""

from __future__ import annotations

from dataclasses import dataclass

from fcgen.errors import PromptError, excerpt


@dataclass(frozen=True, slots=True)
class Markers:
    """What stands around the parts of a prompt, in pairs: before the part, after it.

    Attributes:
        functions: around the functions' metadata, which opens the prompt.
        system: around the system message, which opens the first user message.
        user: around each user message.
        assistant: around each earlier reply; its first part also ends the prompt, where the new reply begins.
        control: further texts that a model of the family reads as its own control text.
    """

    user: tuple[str, str]
    assistant: tuple[str, str]
    control: tuple[str, ...]
    functions: tuple[str, str] = ("<FUNCTIONS>", "</FUNCTIONS>\n\n")
    system: tuple[str, str] = ("<<SYS>>\n", "\n<</SYS>>\n\n")

    @property
    def reserved(self) -> frozenset[str]:
        """The texts that only the template may write: inside a message they would forge a part of the prompt."""
        pairs = (self.functions, self.system, self.user, self.assistant)
        return frozenset(text for pair in pairs for text in map(str.strip, pair) if text) | frozenset(self.control)


@dataclass(frozen=True, slots=True)
class Format:
    """How a model family is asked for a call, and how it writes one.

    Attributes:
        name: what `find_format` knows it by.
        markers: the prompt's texts; None stands for the model's own chat template.
        reply: the reply envelope; grammars/<reply>.lark is its grammar.
        function_key: the key of the call object that holds the function's name.
        arguments_key: the key of the call object that holds the arguments.
    """

    name: str
    markers: Markers | None
    reply: str = "trelis"
    function_key: str = "function"
    arguments_key: str = "arguments"


_FORMATS = (
    # Also CodeLlama's, whose Instruct models share Llama 2's markers.
    Format("trelis-llama2", Markers(("[INST] ", " [/INST]"), ("\n\n", " </s><s>"), ("<s>", "</s>"))),
    Format("trelis-mistral", Markers(("[INST] ", " [/INST]"), ("\n\n", "</s> "), ("<s>", "</s>"))),
    Format(
        "trelis-zephyr",
        Markers(("<|user|>\n", "</s>\n<|assistant|>\n"), ("\n\n", "</s>\n"), ("<s>", "</s>", "<|assistant|>")),
    ),
    Format(
        "trelis-deepseek-coder",
        Markers(("\n### Instruction:\n", "\n### Response:\n"), ("\n\n", "\n<|EOT|>"), ("<｜begin▁of▁sentence｜>",)),
    ),
    Format("chat", None),
)


def find_format(name: str | Format) -> Format:
    """The format of that name, or the first one whose reply envelope has it; a Format stands for itself.

    Raises PromptError for any other name, with the known ones.
    """
    if isinstance(name, Format):
        return name
    for known in _FORMATS:
        if known.name == name:
            return known
    for known in _FORMATS:
        if known.reply == name:
            return known
    raise PromptError(f"no format is named {excerpt(name)}", hint=f"Known formats: {', '.join(format_names())}")


def format_names() -> tuple[str, ...]:
    """The names of all formats."""
    return tuple(known.name for known in _FORMATS)
