"""The model and training step of bench/training in PyTorch, on one thread.

Reads one JSON line with the shape, then answers every further line ("step") with the seconds of one training step.
Needs: python3 -m pip install torch (a CPU build is enough). Nothing of the project depends on it.
"""
import ctypes
import json
import subprocess
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

torch.set_num_threads(1)
torch.set_num_interop_threads(1)


def take_intel_paths():
    """Lets MKL take its AVX-512 products on processors of other makers that have the instructions.

    MKL asks twice whether the processor is Intel's and keeps the answers in two variables, which are set here.
    """
    library = next((Path(torch.__file__).parent / "lib").glob("libtorch_cpu.so"))
    symbols = subprocess.run(["nm", str(library)], capture_output=True, text=True, check=True).stdout
    with open("/proc/self/maps") as maps:
        base = next(int(line.split("-")[0], 16) for line in maps if str(library.resolve()) in line)
    wanted = {"mkl_serv_intel_cpu_true.cached", "mkl_serv_intel_cpu.cached"}
    for line in symbols.splitlines():
        fields = line.split()
        if fields[-1] in wanted:
            ctypes.c_int.from_address(base + int(fields[0], 16)).value = 1


class Block(nn.Module):
    def __init__(self, shape, layer):
        super().__init__()
        width, head = shape["dModel"], shape["headDim"]
        self.heads, self.kv, self.head = layer["nHeads"], layer["nKvHeads"], head
        linear = lambda i, o: nn.Linear(i, o, bias=False)
        self.norm1 = nn.RMSNorm(width, eps=1e-5)
        self.q, self.k, self.v = (linear(width, n * head) for n in (self.heads, self.kv, self.kv))
        self.o = linear(self.heads * head, width)
        self.has_feed_forward = layer["dFf"] > 0
        if self.has_feed_forward:
            self.norm2 = nn.RMSNorm(width, eps=1e-5)
            self.gate, self.up, self.down = linear(width, layer["dFf"]), linear(width, layer["dFf"]), linear(layer["dFf"], width)

    def rotate(self, x, cos, sin):
        first, second = x.chunk(2, dim=-1)
        return x * cos + torch.cat((-second, first), dim=-1) * sin

    def forward(self, x, cos, sin):
        batch, positions, _ = x.shape
        h = self.norm1(x)
        split = lambda y, n: y.view(batch, positions, n, self.head).transpose(1, 2)
        q, k, v = split(self.q(h), self.heads), split(self.k(h), self.kv), split(self.v(h), self.kv)
        q, k = self.rotate(q, cos, sin), self.rotate(k, cos, sin)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=self.kv != self.heads)
        x = x + self.o(mixed.transpose(1, 2).reshape(batch, positions, -1))
        if not self.has_feed_forward:
            return x
        h = self.norm2(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Model(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.embedding = nn.Embedding(shape["vocabSize"], shape["dModel"])
        self.blocks = nn.ModuleList(Block(shape, layer) for layer in shape["layers"])
        self.norm = nn.RMSNorm(shape["dModel"], eps=1e-5)
        head, positions = shape["headDim"], shape["contextLength"]
        angle = torch.outer(torch.arange(positions).float(), shape["ropeTheta"] ** -(torch.arange(head // 2) / (head // 2)))
        angle = torch.cat((angle, angle), dim=-1)
        self.register_buffer("cos", angle.cos())
        self.register_buffer("sin", angle.sin())

    def forward(self, tokens):
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, self.cos, self.sin)
        return self.norm(x) @ self.embedding.weight.T


def main():
    request = json.loads(sys.stdin.readline())
    shape, batch = request["architecture"], request["batch"]
    if request["intel"]:
        take_intel_paths()
    torch.manual_seed(1)
    model = Model(shape)
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": 0.1},
        {"params": [p for p in parameters if p.dim() == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95), eps=1e-8, fused=request["fused"] or None)
    size = (batch, shape["contextLength"])
    tokens, targets = (torch.randint(shape["vocabSize"], size) for _ in range(2))
    run = torch.compile(model) if request["compile"] else model
    clock = time.process_time if request["clock"] == "cpu" else time.perf_counter

    def step():
        logits = run(tokens)
        loss = F.cross_entropy(logits.view(-1, shape["vocabSize"]), targets.view(-1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    for _ in range(request["warmUp"]):
        step()
    print(json.dumps({"parameters": sum(p.numel() for p in parameters), "torch": torch.__version__}), flush=True)
    for _ in sys.stdin:
        start = clock()
        loss = step()
        print(json.dumps({"seconds": clock() - start, "loss": loss}), flush=True)


main()
