"""GGUF -> transformers: a small model of our own, written as llama.cpp has it and converted back."""

import json

import gguf
import numpy as np
import pytest
import tokenizers_made
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, pre_tokenizers

from fcgen.embedded.convert import FILES, WEIGHTS, convert

LAYERS, HEADS, KEY_HEADS, WIDTH, INNER, CONTEXT = 2, 4, 2, 64, 96, 128
NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def tokenizer_state():
    return json.loads(tokenizers_made.byte_level().backend_tokenizer.to_str())


def small_model():
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer_state()["model"]["vocab"]),
        hidden_size=WIDTH,
        intermediate_size=INNER,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=KEY_HEADS,
        max_position_embeddings=CONTEXT,
        rms_norm_eps=1e-4,
        rope_parameters={"rope_type": "default", "rope_theta": 50_000.0},
        tie_word_embeddings=True,
    )
    return LlamaForCausalLM(config).eval()


def llama_cpp_tensor(name, values):
    """The name and the values as llama.cpp has them; the permutation is that of its own conversion script."""
    whole, _, kind = name.rpartition(".")
    if not whole.startswith("model.layers."):
        return f"{NAMES[whole]}.{kind}", values
    _, _, layer, part = whole.split(".", 3)
    for projection, heads in (("q_proj", HEADS), ("k_proj", KEY_HEADS)):
        if part.endswith(projection):
            values = values.reshape(heads, 2, len(values) // heads // 2, -1).swapaxes(1, 2).reshape(values.shape)
    return f"blk.{layer}.{NAMES[part]}.{kind}", values


def write_gguf(path, model, quantization=None):
    state = tokenizer_state()
    tokens = sorted(state["model"]["vocab"], key=state["model"]["vocab"].get)
    special = {entry["content"] for entry in state["added_tokens"]}
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(LAYERS)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_rope_freq_base(50_000.0)
    writer.add_layer_norm_rms_eps(1e-4)
    writer.add_vocab_size(len(tokens))
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in special else 1 for token in tokens])
    writer.add_token_merges([" ".join(merge) for merge in state["model"]["merges"]])
    for add, token in (
        (writer.add_bos_token_id, tokenizers_made.BOS),
        (writer.add_eos_token_id, tokenizers_made.EOS),
        (writer.add_pad_token_id, tokenizers_made.PAD),
    ):
        add(tokens.index(token))
    writer.add_chat_template(tokenizers_made.CHAT_TEMPLATE)
    for name, parameter in model.named_parameters():
        ours, values = llama_cpp_tensor(name, parameter.detach().numpy())
        if quantization is not None and values.ndim == 2:
            writer.add_tensor(ours, gguf.quantize(values, quantization), raw_dtype=quantization)
        else:
            writer.add_tensor(ours, np.ascontiguousarray(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture(scope="module")
def original():
    return small_model()


@pytest.fixture(scope="module")
def folder(original, tmp_path_factory):
    place = tmp_path_factory.mktemp("converted")
    write_gguf(place / "model.gguf", original)
    (place / "made").mkdir()
    convert(place / "model.gguf", place / "made")
    return place / "made"


def load_model(folder):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)


@pytest.fixture(scope="module")
def tokenizer(folder):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, local_files_only=True)


def test_it_writes_what_it_says(folder):
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)


def test_the_model_is_the_same(original, folder):
    import torch

    converted = load_model(folder)
    parameters = dict(converted.named_parameters())
    assert set(parameters) == {name for name, _ in original.named_parameters()}
    for name, values in original.named_parameters():
        assert torch.equal(parameters[name], values), name
    ids = torch.arange(40)[None]
    assert torch.equal(converted(ids).logits, original(ids).logits)


def test_the_settings_are_the_same(original, folder):
    incidental = {"_name_or_path", "architectures", "dtype", "transformers_version"}
    converted, expected = load_model(folder).config.to_dict(), original.config.to_dict()
    assert converted["rms_norm_eps"] == pytest.approx(expected.pop("rms_norm_eps"))
    for key in expected.keys() - incidental - {"bos_token_id", "eos_token_id", "pad_token_id"}:
        assert converted[key] == expected[key], key


def test_reply_and_padding_tokens(folder, tokenizer):
    model = load_model(folder)
    for ends in (model.config, model.generation_config, tokenizer):
        assert ends.bos_token_id == tokenizer.convert_tokens_to_ids(tokenizers_made.BOS)
        assert ends.eos_token_id == tokenizer.convert_tokens_to_ids(tokenizers_made.EOS)
        assert ends.pad_token_id == tokenizer.convert_tokens_to_ids(tokenizers_made.PAD)


@pytest.mark.parametrize("quantization", [gguf.GGMLQuantizationType.Q4_1, gguf.GGMLQuantizationType.Q8_0])
def test_quantized_weights_become_the_numbers_they_stand_for(original, tmp_path, quantization):
    from safetensors.numpy import load_file

    write_gguf(tmp_path / "model.gguf", original, quantization)
    convert(tmp_path / "model.gguf", tmp_path)
    weights = load_file(tmp_path / WEIGHTS)
    assert {array.dtype for array in weights.values()} == {np.dtype(np.float32)}
    for name, parameter in original.named_parameters():
        expected = parameter.detach().numpy()
        if expected.ndim == 2:
            expected = gguf.dequantize(gguf.quantize(expected, quantization), quantization)
        assert np.array_equal(weights[name], expected), name


digits_and_words = st.lists(
    st.sampled_from(["12", "345 ", " a", "the", "\n", "  ", "é", '{"a": 10}', "x9y", "<|tool|>"])
)


@given(digits_and_words.map("".join) | st.text())
def test_the_tokenizer_sets_digits_apart_and_is_the_same_otherwise(tokenizer, text):
    reference = Tokenizer.from_str(json.dumps(tokenizer_state()))
    reference.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    ids = tokenizer.encode(text)
    assert ids == reference.encode(text).ids
    assert tokenizer.decode(ids) == text


def test_the_chat_template_is_the_same(tokenizer):
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]
    made = tokenizers_made.byte_level()
    for options in ({}, {"add_generation_prompt": True}):
        expected = made.apply_chat_template(messages, tokenize=False, **options)
        assert tokenizer.apply_chat_template(messages, tokenize=False, **options) == expected


def test_what_cannot_be_written_is_an_os_error(original, tmp_path):
    write_gguf(tmp_path / "model.gguf", original)
    (tmp_path / WEIGHTS).mkdir()
    with pytest.raises(OSError, match="directory"):
        convert(tmp_path / "model.gguf", tmp_path)
