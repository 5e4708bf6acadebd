"""A llama.cpp of our own making: what `llama_cpp` has that Outlines and fcgen call, over a model that says noise.

It treats a logits processor as the real one does: it is called from C, so what it raises is printed and forgotten, and
its logits go on into an array that is used again.
"""

import contextlib
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
from tokenizers_made import byte_level, sentencepiece_like

from fcgen.vocab import Vocabulary

BYTE = 32


class Llama:
    """What `llama_cpp.Llama` has."""

    def __init__(self, tokenizer=None, *, context=400, longest=1000, refuses_system=False, seed=0):
        self.hf = byte_level() if tokenizer is None else tokenizer
        known = Vocabulary.from_tokenizer(self.hf)
        self.pieces = [known.token_bytes(token) for token in range(known.size)]
        self.special = dict(known.special)
        self.model = self
        self.context, self.longest, self.refuses_system, self.seed = context, longest, refuses_system, seed
        self.said, self.options, self.swallowed = [], [], []

    def n_vocab(self):
        return len(self.pieces)

    def n_ctx(self):
        return self.context

    def token_eos(self):
        return self.hf.eos_token_id

    def tokenizer(self):
        return SimpleNamespace()

    def tokenize(self, data, *, add_bos=True, special=False):
        return [self.hf.bos_token_id] * add_bos + self.hf.encode(data.decode(), add_special_tokens=False)

    def reset(self):
        pass

    def __call__(self, prompt, *, logits_processor=None, max_tokens=16, **options):
        self.said.append(prompt)
        self.options.append(options)
        prompt = self.tokenize(prompt.encode(), special=True)
        if len(prompt) >= self.context:
            raise ValueError(f"Requested tokens ({len(prompt)}) exceed context window of {self.context}")
        ids = np.zeros(self.context, np.intc)
        ids[: len(prompt)] = prompt
        rng = np.random.default_rng(self.seed + (options.get("seed") or 0))
        written = b""
        for place in range(
            len(prompt), min(self.context, len(prompt) + max_tokens, len(prompt) + (self.longest or 999))
        ):
            logits = np.recarray(self.n_vocab(), dtype=[("id", np.intc), ("logit", np.single)])
            logits.logit[:] = rng.normal(size=self.n_vocab()) * 3
            for processor in logits_processor or ():
                try:
                    logits.logit[:] = processor(ids[:place], logits.logit)
                except Exception as error:  # noqa: BLE001  as C does
                    self.swallowed.append(error)
            ids[place] = int(logits.logit.argmax())
            if ids[place] == self.token_eos():
                break
            written += self.pieces[ids[place]]
        return {"choices": [{"text": written.decode("utf-8", "replace")}]}

    def create_chat_completion(self, messages, **options):
        if self.refuses_system and messages[0]["role"] == "system":
            raise ValueError("System role not supported")
        text = self.hf.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        found = self(text, **options)["choices"][0]["text"]
        self.said[-1] = messages
        return {"choices": [{"message": {"content": found}}]}


def _module():
    module = ModuleType("llama_cpp")

    def piece(llama, token, room, size, _, special):
        text = llama.pieces[token]
        if len(text) > size:
            return -len(text)
        room[: len(text)] = text
        return len(text)

    names = {
        "Llama": Llama,
        "LogitsProcessorList": list,
        "LLAMA_TOKEN_ATTR_BYTE": BYTE,
        "llama_model_get_vocab": lambda llama: llama,
        "llama_token_to_piece": piece,
        "llama_vocab_get_text": lambda llama, token: llama.hf.convert_ids_to_tokens(token).encode(),
        "llama_vocab_is_control": lambda llama, token: token in llama.special.values(),
        "llama_vocab_is_eog": lambda llama, token: token == llama.token_eos(),
        "llama_vocab_get_attr": lambda llama, token: (
            BYTE * llama.hf.convert_ids_to_tokens(token).startswith("<0x") if token not in llama.special.values() else 8
        ),
    }
    for name, value in names.items():
        setattr(module, name, value)
    return module


@contextlib.contextmanager
def llama_made(*, chat_mode=True, spaced=False, **options):
    """A model of Outlines over it, which works as long as the context lasts."""
    from outlines.models import LlamaCpp

    before = sys.modules.get("llama_cpp")
    sys.modules["llama_cpp"] = _module()
    try:
        yield LlamaCpp(Llama(sentencepiece_like() if spaced else None, **options), chat_mode=chat_mode)
    finally:
        del sys.modules["llama_cpp"]
        if before is not None:
            sys.modules["llama_cpp"] = before
