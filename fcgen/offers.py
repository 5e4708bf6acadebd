"""What a reply may be: the functions that are shown to the model, and the masks; kept for what was used last."""

from __future__ import annotations

import marshal
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fcgen.call import Grammar, OnError, TextOptions, read_offered
from fcgen.choice import read_choice
from fcgen.errors import Unsatisfiable, VocabularyError
from fcgen.formats import Format
from fcgen.functions import Function
from fcgen.mask import Masks
from fcgen.vocab import Vocabulary

if TYPE_CHECKING:
    from numpy.typing import NDArray

KEPT_MASKS = 32
_USUAL = {
    "type": "object",
    "properties": {"a": {"type": "string"}, "b": {"type": "number"}, "c": {"type": "array"}},
    "required": ["a", "b", "c"],
}


class Offer(NamedTuple):
    """What a reply may be.

    Attributes:
        functions: those that are shown to the model.
        masks: of the replies.
        calls: the tokens that begin a call, where a reply may be a call or a text.
    """

    functions: tuple[Function, ...]
    masks: Masks
    calls: NDArray[np.uint32] | None = None


class Offers:
    """Offers over one vocabulary, by the content of what they were made of."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        _get_ready(vocabulary)
        self._vocabulary = vocabulary
        self._kept: OrderedDict[bytes, Offer] = OrderedDict()
        self._lock = threading.Lock()

    def of_functions(
        self, functions: object, choice: object, form: Format, on_error: OnError, text: TextOptions
    ) -> Offer:
        """Calls of functions, or text. Raises as `Grammar.from_functions`."""
        chosen = read_choice(choice)
        rest = [chosen, form.reply, on_error, sorted(text.items())]
        key = _content([functions, rest])
        if key is None:  # not plain JSON: what it says is known when it is read
            readable, unreadable = read_offered(functions, on_error)
            functions = functions if unreadable else readable
            mistakes = [str(error) for report in unreadable for error in report.errors]
            key = _content([[[f.name, f.description, f.parameters] for f in readable], mistakes, rest])
        assert key is not None, "functions that were read are plain JSON"

        def new() -> Offer:
            readable, unreadable = read_offered(functions, on_error)
            source = functions if unreadable else readable
            grammar = Grammar.from_functions(source, choice=chosen, format=form, on_error=on_error, **text)
            unusable = {report.name for report in grammar.left_out} - {one.name for one in grammar.functions}
            shown = tuple(one for one in readable if one.name not in unusable)
            calls = None if grammar.calls is None else self._masks(Grammar(grammar.calls)).cursor().mask()
            return Offer(shown, self._masks(grammar), calls)

        return self._keep(key, new, text)

    def of_schema(self, schema: Any, text: TextOptions) -> Offer:
        """JSON of a schema. Raises as `Grammar.from_json_schema`."""

        def new() -> Offer:
            return Offer((), self._masks(Grammar.from_json_schema(schema, whole_fraction=False, **text)))

        return self._keep(_content([schema, sorted(text.items())]), new, text)

    def _masks(self, grammar: Grammar) -> Masks:
        return Masks(grammar, self._vocabulary)

    def _keep(self, key: bytes | None, new: Callable[[], Offer], text: TextOptions) -> Offer:
        """What is kept under a key, else new; what depends on a document is not kept."""
        if key is None or "document" in text:
            return new()
        with self._lock:
            if key not in self._kept:
                self._kept[key] = new()
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT_MASKS:
                self._kept.popitem(last=False)
            return self._kept[key]


def _get_ready(vocabulary: Vocabulary) -> None:
    """Load the compiled walks, and find what most grammars have in common: so no request has to wait for that."""
    try:
        cursor = Masks(Grammar.from_json_schema(_USUAL), vocabulary).cursor()
    except (Unsatisfiable, VocabularyError):  # which is told where a reply is asked for
        return
    while not cursor.stopped:
        cursor.mask()
        nearer = np.unpackbits(cursor.closing_mask().view(np.uint8), bitorder="little")
        cursor.advance(int(nearer.argmax()))


def _content(value: object) -> bytes | None:
    """What plain JSON holds, the order of its keys included; None: it is something else."""
    try:
        return marshal.dumps(value, 2)  # type: ignore[arg-type]  # this version depends on nothing but the values
    except ValueError:
        return None
