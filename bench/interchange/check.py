"""Loads one exported folder as other people would, and says how far it is from what the request expects.

Called by main.ts, with the request as JSON on standard input. Needs: pip install torch transformers onnx onnxruntime
"""

import json
import os
import re
import sys
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
import transformers
from safetensors import safe_open
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

warnings.filterwarnings("ignore")
transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()

TOLERANCE = 1e-3
ONNX_TOLERANCE = 1e-4
failures = []


def say(what, value, limit):
    print(f"  {what}: {value:.1e}")
    if not value <= limit:
        failures.append(what)


def must(what, holds):
    if not holds:
        print(f"  wrong: {what}")
        failures.append(what)


def distance(a, b):
    return float(np.abs(np.asarray(a, np.float64) - np.asarray(b, np.float64)).max())


def check_transformers(folder, tokens, expected):
    model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True).eval()
    size = sum(p.numel() for p in model.parameters())
    print(f"{os.path.basename(os.path.normpath(folder))}: {type(model).__name__}, {size} parameters")
    with torch.no_grad():
        say("logits, transformers", distance(model(tokens).logits, expected), TOLERANCE)
        must("no end token", model.config.eos_token_id is None and model.generation_config.eos_token_id is None)
        prompt = tokens[:, : tokens.shape[1] // 2]
        written = model.generate(prompt, do_sample=False, max_new_tokens=min(12, tokens.shape[1] - prompt.shape[1]))
        again = model(written).logits[:, prompt.shape[1] - 1 : -1].argmax(-1)
        must("cached generation is that of whole passes", torch.equal(again, written[:, prompt.shape[1] :]))
        mask = torch.ones_like(tokens)
        mask[0, :5] = 0
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        padded = model(tokens, attention_mask=mask, position_ids=positions).logits
    return mask, positions, padded


def check_onnx(folder, tokens, expected, mask, positions, padded):
    onnx_folder = os.path.join(folder, "onnx")
    if not os.path.isdir(onnx_folder):
        return
    sessions = {}
    for name in ("prefill", "decode"):
        path = os.path.join(onnx_folder, f"{name}.onnx")
        onnx.checker.check_model(path, full_check=True)
        domains = {node.domain for node in onnx.load(path, load_external_data=False).graph.node}
        must("standard operators alone", domains == {""})
        sessions[name] = onnxruntime.InferenceSession(path)
    names = [output.name for output in sessions["prefill"].get_outputs()]

    def run(name, **feeds):
        return dict(zip(names, sessions[name].run(names, {key: np.asarray(value) for key, value in feeds.items()})))

    batch, length = tokens.shape
    ones = np.ones((batch, length), np.int64)
    places = np.tile(np.arange(length), (batch, 1))
    whole = run("prefill", input_ids=tokens, attention_mask=ones, position_ids=places)
    say("logits, ONNX Runtime prefill", distance(whole["logits"], expected), ONNX_TOLERANCE)
    half = length // 2
    state = run("prefill", input_ids=tokens[:, :half], attention_mask=ones[:, :half], position_ids=places[:, :half])
    worst = 0.0
    for at in range(half, length):
        cache = {name.replace("present", "past_key_values"): state[name] for name in names if name != "logits"}
        state = run(
            "decode",
            input_ids=tokens[:, at : at + 1],
            attention_mask=ones[:, : at + 1],
            position_ids=places[:, at : at + 1],
            **cache,
        )
        worst = max(worst, distance(state["logits"][:, 0], expected[:, at]))
    say("logits, ONNX Runtime decode", worst, ONNX_TOLERANCE)
    got = run("prefill", input_ids=tokens, attention_mask=mask, position_ids=positions)["logits"]
    say("logits, padded, against transformers", distance(got[0, 5:], padded[0, 5:]), TOLERANCE)


def check_tokenizers(folder, texts):
    fast = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    auto = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
    for sample in texts:
        text, ids = sample["text"], sample["ids"]
        must(f"tokenizers: ids of {text!r}", fast.encode(text).ids == ids)
        must(f"tokenizers: text of {text!r}", fast.decode(ids, skip_special_tokens=False) == text)
        must(f"transformers: ids of {text!r}", auto(text)["input_ids"] == ids)
        must(f"transformers: text of {text!r}", auto.decode(ids) == text)
    print(f"  tokenizer: {len(texts)} texts have the same ids in tokenizers and transformers")


def check_card(folder):
    """Runs the code of the model card as it stands."""
    path = os.path.join(folder, "README.md")
    if not os.path.exists(path):
        return
    before = os.getcwd()
    os.chdir(folder)
    blocks = re.findall(r"```python\n(.*?)```", open("README.md", encoding="utf8").read(), re.S)
    try:
        for block in blocks:
            exec(compile(block, "README.md", "exec"), {"print": lambda text: must("the card's code writes text", len(text) > 4)})
    finally:
        os.chdir(before)
    print(f"  model card: {len(blocks)} pieces of code ran")


def check_compressed(folder):
    path = os.path.join(folder, "compressed.safetensors")
    if not os.path.exists(path):
        return
    with safe_open(path, "pt") as file:
        names = list(file.keys())
        size = sum(tensor.numel() * tensor.element_size() for tensor in map(file.get_tensor, names))
        must("the file says how matrices are stored", "paretoformer.matrices" in file.metadata())
    print(f"  compressed.safetensors: {len(names)} tensors, {size} bytes")


def check_relative(folder):
    """The configuration of the larger relative makes a model."""
    relative = os.path.join(folder, "deployed")
    for path in (relative, os.path.join(relative, "uniform")):
        if not os.path.isdir(path):
            continue
        config = AutoConfig.from_pretrained(path, trust_remote_code=True)
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=True)
        size = sum(p.numel() for p in model.parameters())
        print(f"  {os.path.relpath(path, folder)}: {type(model).__name__} of {size} parameters can be made")


def main():
    request = json.load(sys.stdin)
    folder = request["folder"]
    tokens = torch.tensor(request["tokens"]).view(request["batch"], -1)
    expected = np.array(request["logits"], np.float32).reshape(*tokens.shape, -1)
    mask, positions, padded = check_transformers(folder, tokens, expected)
    check_onnx(folder, tokens.numpy(), expected, mask.numpy(), positions.numpy(), padded)
    check_tokenizers(folder, request["texts"])
    check_card(folder)
    check_compressed(folder)
    check_relative(folder)
    sys.exit(1 if failures else 0)


main()
