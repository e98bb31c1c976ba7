"""Two processes compute what one does, in double precision, where rounding hides nothing."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import torch

from emotiw_cli.nets.layers import BatchNorm2d, Dropout

STEP = """
import sys
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
import nets.test_layers as t

dist.init_process_group("gloo")
rank = dist.get_rank()
net = t.small_net()
inputs, labels = t.batch()
share = slice(rank * 6, rank * 6 + 6)
wrapped = DistributedDataParallel(net, broadcast_buffers=False)
torch.nn.functional.cross_entropy(wrapped(inputs[share]), labels[share]).backward()
if rank == 0:
    torch.save(t.outcome(net), sys.argv[1])
dist.destroy_process_group()
"""


def small_net() -> torch.nn.Module:
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3),
        BatchNorm2d(8),
        torch.nn.ReLU6(),
        torch.nn.Conv2d(8, 8, 3),
        BatchNorm2d(8),
        torch.nn.Flatten(),
        Dropout(0.4),
        torch.nn.Linear(8 * 4, 5),
    ).double()
    torch.manual_seed(1)  # of the dropout mask
    return net


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(2)
    inputs = torch.randn(12, 3, 6, 6, generator=random, dtype=torch.float64)
    return inputs, torch.arange(12) % 5


def outcome(net: torch.nn.Module) -> dict[str, torch.Tensor]:
    gradients = {name: value.grad for name, value in net.named_parameters()}
    return {**gradients, **dict(net.named_buffers())}


def test_gradients_and_statistics_do_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    net = small_net()
    inputs, labels = batch()
    torch.nn.functional.cross_entropy(net(inputs), labels).backward()
    expected = outcome(net)

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    tests = Path(__file__).parents[1]
    place = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    path = os.pathsep.join([str(tests), str(tests.parent)])
    children = [
        subprocess.Popen(
            [sys.executable, "-c", STEP, str(tmp_path / "two.pt")],
            env={**os.environ, **place, "RANK": str(rank), "PYTHONPATH": path},
        )
        for rank in range(2)
    ]
    assert [child.wait(timeout=240) for child in children] == [0, 0]
    got = torch.load(tmp_path / "two.pt", weights_only=True)
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(got[name], value, rtol=1e-9, atol=1e-12)


def test_dropout_keeps_the_mean_and_rests_in_evaluation() -> None:
    torch.manual_seed(1)
    layer = Dropout(0.25)
    ones = torch.ones(200, 200)
    dropped = layer(ones)
    torch.testing.assert_close(dropped.unique(), torch.tensor([0, 4 / 3]))
    assert abs(dropped.mean().item() - 1) < 0.02
    assert torch.equal(layer.eval()(ones), ones)
