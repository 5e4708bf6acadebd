"""A Hugging Face tokenizer -> the bytes that each of its tokens adds to a text.

A tokenizer's own `decode` cannot tell them: it turns a piece of a character into U+FFFD, strips the first space and
takes an added token's letters for bytes. So the tokens' strings are read as the tokenizer's decoder would read them,
token by token. There are two kinds, told by the decoder and never by a name:

    ByteLevel   each character stands for one byte, in GPT-2's alphabet of 256 printable characters;
    Spaced      a character such as `▁` stands for a space, and a token `<0xNN>` for the byte NN.

An added token that is not special is the text it matches. A special token adds nothing to a text. A word's first
space belongs to its token: that a decoder strips it from the first token of a text does not concern a reply, which
stands behind a prompt.

Every tokenizer is put to the test: the tokens of some texts must spell these texts, as its normalizer leaves them.
Tokens that were read are kept in the user's cache, under all that they are made of.
Mistral's Tekken tokenizer, which has the bytes themselves, is read in `fcgen.vocab.tekken`. Other kinds, and tokenizers
that fail the test, are refused. No kind is guessed.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fcgen.core import version
from fcgen.errors import VocabularyError, excerpt
from fcgen.vocab.cache import load, store
from fcgen.vocab.strings import Strings
from fcgen.vocab.tekken import find_tekken, read_tekken
from fcgen.vocab.trie import build_trie

SAMPLES = (
    '{"function": "search_bing", "arguments": {"query": "AI news", "limit": 10, "deep": null, "tags": ["a", "b"]}}',
    "0123456789 3.14159e-10 1,234,567 2024-05-17T12:30:00Z",
    "Übermut, naïve café, ¿qué? Ελληνικά, русский, עברית, العربية, हिन्दी, ไทย, 日本語, 中文, 한국어",
    "🙂 👩‍👩‍👧 🇫🇷 ❤️ 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 ∀x∈ℝ: ⌈x⌉ = −⌊−x⌋",
    "a  b   c    d \t e\t\tf",
    "one\ntwo\r\n\n\n    three\n",
    "don't <b>\"\\/\\u00e9</b> [x]({y}) $_ `~^|` @#%&*; <|x|> [INST]",
)
HEX = "0123456789ABCDEFabcdef"
CACHE_FORMAT = 1  # to be raised when what is read of a tokenizer, or how it is written, changes
CACHED_FROM = 10_000  # tokens: fewer are read sooner than found
FOREIGN = 324  # one past the last character of GPT-2's alphabet


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a tokenizer's tokens are.

    Attributes:
        texts: what each id adds to a text; nothing for special tokens, and for ids that have no token.
        special: the special tokens, by what they are called.
        fallback: the tokens for single bytes which the tokenizer takes only where it has no other way.
    """

    texts: Strings
    special: dict[str, int]
    fallback: frozenset[int]

    def to_bytes(self) -> bytes:
        """Write the tokens for `from_bytes`: some JSON, the ends of the texts, their order, and the texts."""
        order = build_trie(self.texts).tokens
        head = {"count": len(self.texts), "ordered": len(order), "special": self.special, "fallback": [*self.fallback]}
        line = json.dumps(head).encode()
        numbers = np.concatenate(([len(line)], self.texts.bounds[1:], order)).astype("<i4")
        return b"".join((numbers[:1].tobytes(), line, numbers[1:].tobytes(), self.texts.data))

    @classmethod
    def from_bytes(cls, data: memoryview) -> Tokens:
        """Read what `to_bytes` has written."""
        body = 4 + int.from_bytes(data[:4], "little")
        head = json.loads(bytes(data[4:body]))
        count, ordered = head["count"], head["ordered"]
        numbers = np.frombuffer(data, "<i4", count + ordered, body)
        texts = Strings(bytes(data[body + numbers.nbytes :]), numbers[:count], numbers[count:])
        return cls(texts, head["special"], frozenset(head["fallback"]))


class _Joined(NamedTuple):
    """How many tokens the model of a tokenizer has, and the strings of those below this id, joined by spaces.

    An id without a token is left out, and a token may have a space. So only those are cached of which neither is so
    (`shows`). Another tokenizer could have the same text only if, wherever it lacks a token, the next one is named like
    two of these with a space between: those of no tokenizer are.
    """

    total: int
    text: str

    def key(self, kind: ByteLevel | Spaced, added: Mapping[int, Any]) -> str:
        """Return the cache's key of the tokens that are made of these."""
        listed = [[token, entry.content, entry.special] for token, entry in sorted(added.items())]
        return cache_key(*map(str.encode, (str(kind), json.dumps(listed), str(self.total), self.text)))

    def shows(self, strings: Sequence[str]) -> bool:
        """Whether the text has each of the model's tokens, and tells where it ends."""
        return self.text.count(" ") + 1 == self.total and self.text == " ".join(strings[: self.total])


@dataclass(frozen=True, slots=True)
class ByteLevel:
    """Each character of a token stands for a byte. A token with any other character is that text."""

    def spell(self, strings: Sequence[str]) -> Strings:
        """The bytes of each token."""
        codes, ends = _codes(strings)
        mapped = _gpt2_bytes()[np.minimum(codes, FOREIGN)]
        others = np.unique(np.searchsorted(ends, np.flatnonzero(mapped < 0), "right")).tolist()
        texts = Strings(mapped.astype(np.uint8).tobytes(), ends)
        return texts.replaced({token: strings[token].encode() for token in others})

    def spell_added(self, content: str) -> bytes:
        """The bytes of an added token: its letters are letters, though the decoder would take them for bytes."""
        return content.encode()


@dataclass(frozen=True, slots=True)
class Spaced:
    """A character stands for a space, `<0xNN>` for a byte; all else for itself."""

    space: str

    def spell(self, strings: Sequence[str]) -> Strings:
        """The bytes of each token. A token for a single byte is spelled as it is called."""
        if len(self.space) != 1:  # it must not be found across two tokens
            return Strings.of(string.replace(self.space, " ").encode() for string in strings)
        codes, ends = _codes(strings)
        width = np.append(0, 1 + (codes > 0x7F) + (codes > 0x7FF) + (codes > 0xFFFF))  # of a character in UTF-8
        width[1:][codes == ord(self.space)] = 1
        return Strings("".join(strings).replace(self.space, " ").encode(), np.cumsum(width)[ends])

    def spell_added(self, content: str) -> bytes:
        """The bytes of an added token: no character can be told from the space it stands for."""
        return content.replace(self.space, " ").encode()


def read_tokens(tokenizer: Any, *, use_cache: bool = True) -> Tokens:
    """Read the tokens of a tokenizer of transformers, tokenizers or mistral-common, or of one of Outlines with these.

    Raises VocabularyError where their bytes cannot be known for sure, with the reason.
    """
    if (tekken := find_tekken(tokenizer)) is not None:
        return Tokens(*read_tekken(tekken, SAMPLES), frozenset())
    backend = _backend(tokenizer)
    kind = _kind(backend)
    added = backend.get_added_tokens_decoder()
    joined = _joined(backend) if use_cache else None
    key = None if joined is None else joined.key(kind, added)
    tokens = None if key is None else cached_tokens(key)
    if tokens is None:
        strings = _strings(backend, added)
        tokens = _spelled(backend, kind, added, strings)
        _check(backend, kind, added, tokens)
        if key is not None and joined is not None and joined.shows(strings):
            store(key, tokens.to_bytes())
    else:
        _check(backend, kind, added, tokens)
    return tokens


def _spelled(backend: Any, kind: ByteLevel | Spaced, added: Mapping[int, Any], strings: Sequence[str]) -> Tokens:
    special = {entry.content: token for token, entry in added.items() if entry.special}
    single = _byte_tokens(backend) if isinstance(kind, Spaced) else {}
    others = {token: b"" if entry.special else kind.spell_added(entry.content) for token, entry in added.items()}
    return Tokens(kind.spell(strings).replaced(single | others), special, frozenset(single).difference(added))


def cache_key(*parts: bytes) -> str:
    """Return the key under which the cache has the tokens that are made of these parts."""
    digest = hashlib.sha256(f"tokens {CACHE_FORMAT} of fcgen {version}\n".encode())
    for part in parts:
        digest.update(b"%d " % len(part))
        digest.update(part)
    return digest.hexdigest()


def cached_tokens(key: str) -> Tokens | None:
    """Return the tokens that the cache has under a key."""
    data = load(key)
    try:
        return None if data is None else Tokens.from_bytes(data)
    except (LookupError, TypeError, ValueError):  # of a format that should have had another number
        return None


def _joined(backend: Any) -> _Joined | None:
    """Ask for all of the model's tokens at once, in half the time that it takes one by one. None: they are few."""
    from tokenizers import Tokenizer

    bare = Tokenizer(backend.model)  # it shares the model, and has no decoder
    count = bare.get_vocab_size()
    return _Joined(count, bare.decode(range(count), skip_special_tokens=False)) if count >= CACHED_FROM else None


def unwrap(tokenizer: Any) -> Any:
    """The tokenizer of transformers or tokenizers that an Outlines tokenizer holds; any other as it is."""
    if hasattr(tokenizer, "backend_tokenizer") or hasattr(tokenizer, "get_added_tokens_decoder"):
        return tokenizer
    return getattr(tokenizer, "tokenizer", tokenizer)


def _backend(tokenizer: Any) -> Any:
    inner = unwrap(tokenizer)
    backend = getattr(inner, "backend_tokenizer", inner)
    if not hasattr(backend, "get_added_tokens_decoder"):
        raise VocabularyError(
            f"{type(inner).__name__} is no tokenizer of the tokenizers library, so its tokens' bytes cannot be read",
            hint="Load the fast one: AutoTokenizer.from_pretrained(..., use_fast=True)",
        )
    return backend


def _kind(backend: Any) -> ByteLevel | Spaced:
    model = type(backend.model).__name__
    affixes = [getattr(backend.model, name, None) for name in ("continuing_subword_prefix", "end_of_word_suffix")]
    parts = list(_parts(backend.decoder))
    steps = [part["type"] for part in parts]
    if model in ("BPE", "Unigram") and not any(affixes):
        if steps == ["ByteLevel"]:
            return ByteLevel()
        space = _space(parts)
        if space is not None and "ByteFallback" in steps:
            return Spaced(space)
    marks = f" with {' and '.join(map(excerpt, filter(None, affixes)))} in its tokens" if any(affixes) else ""
    raise VocabularyError(
        f"the tokenizer is of an unknown kind: a {model} model{marks} and the decoder {' + '.join(steps) or None}",
        hint="Known are byte-level BPE, and BPE or Unigram with a character for the space and byte fallback",
    )


def _space(parts: Sequence[dict[str, Any]]) -> str | None:
    """The character that the decoder turns into a space, if besides that it does nothing to single tokens."""
    found = None
    for part in parts:
        match part:
            case {"type": "Replace", "pattern": {"String": str(space)}, "content": " "} if found is None:
                found = space
            case {"type": "Metaspace", "replacement": str(space)} if found is None:
                found = space
            case {"type": "ByteFallback" | "Fuse"} | {"type": "Strip", "content": " "}:
                pass
            case _:
                return None
    return found


def _parts(component: Any) -> Iterator[dict[str, Any]]:
    """The steps of a normalizer or a decoder, in order."""
    if component is None:
        return
    if type(component).__name__ in ("Decoder", "Normalizer"):  # written in Python: nothing tells what it does
        yield {"type": "custom"}
        return
    stack = [json.loads(component.__getstate__())]
    while stack:
        part = stack.pop()
        if part["type"] == "Sequence":
            stack.extend(reversed(part.get("decoders") or part.get("normalizers") or []))
        else:
            yield part


def _strings(backend: Any, added: Iterable[int]) -> list[str]:
    count = backend.get_vocab_size(with_added_tokens=True)
    strings = list(map(backend.id_to_token, range(count)))
    if all(strings) and max(added, default=-1) < count:
        return strings
    # Some ids have no token, so others are greater. Then only the whole list tells, which takes twice as long.
    vocabulary = backend.get_vocab(with_added_tokens=True)
    strings = [""] * (max(vocabulary.values(), default=-1) + 1)
    for string, token in vocabulary.items():
        strings[token] = string
    return strings


def _codes(strings: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """The characters of all strings, and where among them each string ends."""
    ends = np.cumsum(np.fromiter(map(len, strings), np.int64, len(strings)))
    return np.frombuffer("".join(strings).encode("utf-32-le"), "<u4"), ends


def _byte_tokens(backend: Any) -> dict[int, bytes]:
    """The tokens for single bytes, each with its byte."""
    named = ((backend.token_to_id(f"<0x{high}{low}>"), high + low) for high in HEX for low in HEX)
    return {token: bytes.fromhex(digits) for token, digits in named if token is not None}


def _gpt2_bytes() -> NDArray[np.int16]:
    """Code point -> byte: the printable bytes stand for themselves, the others for U+0100 and what follows."""
    table = np.full(FOREIGN + 1, -1, np.int16)
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = sorted(set(range(256)).difference(printable))
    table[printable] = printable
    table[0x100 : 0x100 + len(others)] = others
    return table


def _check(backend: Any, kind: ByteLevel | Spaced, added: Mapping[int, Any], tokens: Tokens) -> None:
    """Raise VocabularyError unless the tokens of each sample spell it."""
    spoken = {token: entry.content.encode() for token, entry in added.items() if entry.special}
    texts = tokens.texts.replaced(spoken)  # a sample may have the text of a control token
    if backend.truncation is not None or backend.padding is not None:
        backend = copy.deepcopy(backend)
        backend.no_truncation()
        backend.no_padding()
    for sample in SAMPLES:
        ids = backend.encode(sample, add_special_tokens=False).ids
        found, expected = b"".join(texts[token] for token in ids), _normalized(backend.normalizer, kind, sample)
        if found not in (expected, b" " + expected):
            raise VocabularyError(
                f"the tokenizer's tokens for {excerpt(sample)} spell {_difference(found, expected)}",
                hint="A tokenizer that leaves out or changes parts of a text cannot be used",
            )


def _normalized(normalizer: Any, kind: ByteLevel | Spaced, sample: str) -> bytes:
    if normalizer is None:
        return sample.encode()
    text = normalizer.normalize_str(sample)
    if isinstance(kind, ByteLevel) and not any(part["type"] == "ByteLevel" for part in _parts(normalizer)):
        return bytes(text.encode())
    return kind.spell([text])[0]


def _difference(found: bytes, expected: bytes) -> str:
    """Both texts, from where they differ."""
    common = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(found, expected, strict=False))
    start = len(list(common))
    here, there = (excerpt(text[start : start + 24]) for text in (found, expected))
    return f"{here} instead of {there}, after {excerpt(expected[max(0, start - 24) : start])}"
