"""Small tokenizers of our own making: the two kinds that language models have, trained on the text below.

Each call gives a tokenizer of its own; all of one kind are alike, on every machine. Both have the special tokens
`<|im_start|>` (bos), `<|im_end|>` (eos), `<|pad|>` and `<|tool|>`, and a ChatML template that needs no system message.
`byte_level` has a token for each byte; `sentencepiece_like` spells what it does not know with `<0xNN>`, and has
`<unk>`.
"""

import json
from functools import cache

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

BOS, EOS, PAD, TOOL = "<|im_start|>", "<|im_end|>", "<|pad|>", "<|tool|>"
SPECIAL = (PAD, BOS, EOS, TOOL)

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

TEXT = """
{"function": "get_weather", "arguments": {"city": "Paris", "unit": "celsius", "days": 3}}
{"function": "search_bing", "arguments": {"query": "latest news on AI"}}
{"function": "search_arxiv", "arguments": {"query": "constrained decoding AND grammar", "limit": 10}}
{"function": "send_email", "arguments": {"to": ["ann@example.com"], "subject": "Hello", "urgent": true}}
{"function": "set_timer", "arguments": {"minutes": 12.5, "label": null, "repeat": false}}
{"name": "delete_file", "parameters": {"fileNames": ["a.txt", "b.txt"], "confirm": true}}
{
    "function": "save_chat",
    "arguments": {
        "fileName": "notes.md",
        "fileDescription": "What was said",
        "tags": []
    }
}
{"type": "object", "properties": {"value": {"type": "string", "minLength": 1}}, "required": ["value"]}
The weather in Paris is sunny today, with a light wind from the west. What would you like to know?
I can search the web for the latest news, send an email, or set a timer for you. Which one should I call?
Please give me the name of the city and the number of days. It's not clear to me what you mean by that.
Numbers: 0 1 2 3 4 5 6 7 8 9 10 100 1000 2024-05-17 12:30:00 3.14159 -42 6.02e23 99%
The quick brown fox jumps over the lazy dog. THE END. To be, or not to be: that is the question.
Grüße aus München, où êtes-vous? Mañana será otro día. 你好，世界。 Привет, мир! 🙂
def area(width: float, height: float) -> float:
    return width * height
"""

Merges = list[tuple[str, str]]


def byte_level() -> PreTrainedTokenizerFast:
    """Byte-level BPE, as GPT-2, Qwen and SmolLM2 have it; without `<unk>`."""
    tokenizer = Tokenizer.from_str(_byte_level())
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=BOS, eos_token=EOS, pad_token=PAD, chat_template=CHAT_TEMPLATE
    )


def sentencepiece_like() -> PreTrainedTokenizerFast:
    """BPE over text in which `▁` stands for a space, with byte fallback, as Llama 2 and Mistral have it."""
    tokenizer = Tokenizer.from_str(_sentencepiece_like())
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        unk_token="<unk>",
        chat_template=CHAT_TEMPLATE,
    )


@cache
def _byte_level() -> str:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab, merges = _train(tokenizer, 600, alphabet)
    tokenizer.model = models.BPE(_numbered([*SPECIAL, *vocab]), merges)
    tokenizer.add_special_tokens([AddedToken(text, special=True) for text in SPECIAL])
    return tokenizer.to_str()


@cache
def _sentencepiece_like() -> str:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=True)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    vocab, merges = _train(tokenizer, 500, ["▁"])
    spelled = [f"<0x{byte:02X}>" for byte in range(256)]
    tokenizer.model = models.BPE(
        _numbered(["<unk>", *SPECIAL, *spelled, *vocab]), merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True
    )
    tokenizer.add_special_tokens([AddedToken(text, special=True) for text in ("<unk>", *SPECIAL)])
    return tokenizer.to_str()


def _train(tokenizer: Tokenizer, size: int, alphabet: list[str]) -> tuple[list[str], Merges]:
    """The tokens that `tokenizer` learns from the text, in the order of their ids, and the merges that make them."""
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(TEXT.splitlines(keepends=True), trainer)
    learned = json.loads(tokenizer.to_str())["model"]
    return sorted(learned["vocab"], key=learned["vocab"].get), [tuple(pair) for pair in learned["merges"]]


def _numbered(texts: list[str]) -> dict[str, int]:
    return {text: number for number, text in enumerate(texts)}
