"""llama.cpp, by llama-cpp-python: decode and prefill from a file with the same weights."""

from __future__ import annotations

import contextlib
import ctypes
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import gguf
import llama_cpp as llama
import numpy as np

from . import shapes
from .shapes import Work
from .worker import Skip

KINDS = {"fp32": "F32", "bf16": "BF16", "int8": "Q8_0", "int4": "Q4_0"}
NAMES = {
    "embed_tokens": "token_embd", "norm": "output_norm", "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip


def prepare(work: Work, precision: str, competitor: str) -> Callable[[], float]:
    if work.kind not in ("decode", "prefill"):
        raise Skip("llama.cpp is measured at decode and prefill")
    context = open_context(work, precision)
    return {"decode": decode, "prefill": prefill}[work.kind](work, context)


def name_of(name: str) -> str:
    """layers.3.mlp.up_proj.weight as llama.cpp calls it."""
    parts = name.removesuffix(".weight").split(".")
    if parts[0] != "layers":
        return NAMES[parts[0]] + ".weight"
    return f"blk.{parts[1]}.{NAMES['.'.join(parts[2:])]}.weight"


def write(work: Work, precision: str, path: Path) -> None:
    kind = gguf.GGMLQuantizationType[KINDS[precision]]
    writer = gguf.GGUFWriter(path, "qwen3")
    writer.add_context_length(work.T)
    writer.add_embedding_length(work.hidden_size)
    writer.add_block_count(work.num_hidden_layers)
    writer.add_feed_forward_length(work.intermediate_size)
    writer.add_head_count(work.num_attention_heads)
    writer.add_head_count_kv(work.num_key_value_heads)
    writer.add_key_length(work.head_dim)
    writer.add_value_length(work.head_dim)
    writer.add_rope_freq_base(work.rope_theta)
    writer.add_layer_norm_rms_eps(work.rms_norm_eps)
    writer.add_tokenizer_model("no_vocab")
    writer.add_vocab_size(work.vocab_size)
    for name, array in shapes.weights(work):
        if array.ndim == 1:
            writer.add_tensor(name_of(name), array)
        else:
            writer.add_tensor(name_of(name), gguf.quantize(array, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def open_context(work: Work, precision: str):
    llama.llama_log_set(_silent, ctypes.c_void_p(0))
    llama.llama_backend_init()
    threads = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "model.gguf"
        write(work, precision, path)
        options = llama.llama_model_default_params()
        with contextlib.suppress(AttributeError):
            options.use_mmap = False  # the file is gone after this
        model = llama.llama_model_load_from_file(str(path).encode(), options)
    settings = llama.llama_context_default_params()
    settings.n_ctx = work.T * work.B
    settings.n_batch = settings.n_ubatch = work.B * min(work.T, shapes.CHUNK)
    settings.n_seq_max = work.B
    settings.n_threads = settings.n_threads_batch = threads
    context = llama.llama_init_from_model(model, settings)
    if not context:
        raise RuntimeError("llama.cpp did not take the model")
    return context


@llama.llama_log_callback
def _silent(level, text, user_data):
    pass


def run(context, tokens: np.ndarray, at: int, vocab_size: int) -> np.ndarray:
    """Tokens [B, T] from place `at` on; the logits after the last of each, [B, V]."""
    B, T = tokens.shape
    batch = llama.llama_batch_init(B * T, 0, 1)
    batch.n_tokens = B * T
    for b in range(B):
        for t in range(T):
            i = b * T + t
            batch.token[i], batch.pos[i] = int(tokens[b, t]), at + t
            batch.n_seq_id[i], batch.seq_id[i][0], batch.logits[i] = 1, b, t == T - 1
    status = llama.llama_decode(context, batch)
    llama.llama_batch_free(batch)
    if status:
        raise RuntimeError("llama_decode failed")
    rows = [llama.llama_get_logits_ith(context, b * T + T - 1) for b in range(B)]
    return np.stack([np.ctypeslib.as_array(row, (vocab_size,)) for row in rows])


def forget(context, at: int = 0) -> None:
    """What stands from place `at` on."""
    llama.llama_memory_seq_rm(llama.llama_get_memory(context), -1, at, -1)


def decode(work: Work, context) -> Callable[[], float]:
    prompt = shapes.tokens(work)[0][:, : work.context]
    start = prompt[:, -1:]
    for at in range(0, work.context, shapes.CHUNK):
        run(context, prompt[:, at : at + shapes.CHUNK], at, work.vocab_size)

    def sixteen():
        forget(context, work.context)
        token, tops = start, []
        for i in range(shapes.DECODED):
            logits = run(context, token, work.context + i, work.vocab_size)
            token = logits.argmax(-1)[:, None]
            tops.append(float(logits.max()))
        return tops[0]

    return sixteen


def prefill(work: Work, context) -> Callable[[], float]:
    tokens = shapes.tokens(work)[0]

    def step():
        forget(context)
        return float(run(context, tokens, 0, work.vocab_size).max())

    return step
