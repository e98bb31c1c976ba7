"""The belief net's parts by hand."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from emotiw_cli.clips.voice.dbn import (  # noqa: E402
    POOL_TEST,
    POOL_TRAIN,
    DeepBeliefNet,
    NesterovRmsProp,
    Rbm,
    two_max,
)


def test_the_two_largest_are_pooled() -> None:
    values = torch.tensor([[[1.0, 5.0], [3.0, 4.0], [2.0, 9.0]]])
    # (1.4 · 3 + 0.6 · 2) / 2 and (1.4 · 9 + 0.6 · 5) / 2.
    assert two_max(values, POOL_TRAIN)[0].tolist() == pytest.approx([2.7, 7.8])
    assert two_max(values, POOL_TEST)[0].tolist() == pytest.approx([2.65, 7.6])
    assert two_max(values[:, :1], POOL_TEST)[0].tolist() == pytest.approx([1, 5])
    mask = torch.tensor([[True, False, True]])
    assert two_max(values, POOL_TEST, mask)[0].tolist() == pytest.approx([1.65, 7.6])
    mask = torch.tensor([[True, False, False]])
    assert two_max(values, POOL_TEST, mask)[0].tolist() == pytest.approx([1, 5])


@pytest.mark.parametrize("gaussian", [True, False])
def test_units_of_a_machine_by_hand(gaussian: bool) -> None:
    machine = Rbm(2, 1, gaussian=gaussian)
    machine.weights = torch.tensor([[1.0], [-2.0]])
    machine.hidden_bias, machine.visible_bias = torch.tensor([0.5]), torch.tensor([0.0, 1.0])
    visible = torch.tensor([[1.0, 1.0]])
    assert float(machine.hidden(visible)) == pytest.approx(float(torch.sigmoid(torch.tensor(-0.5))))
    means = torch.tensor([1.0, -1.0])
    expected = means if gaussian else torch.sigmoid(means)
    assert machine.visible(torch.tensor([[1.0]]))[0].tolist() == pytest.approx(expected.tolist())


def test_contrastive_divergence_learns_what_the_data_looks_like() -> None:
    torch.manual_seed(0)
    kinds = torch.tensor([[1.0, 1, 0, 0], [0, 0, 1, 1]])
    data = kinds[torch.randint(0, 2, (600,))]
    machine = Rbm(4, 6, gaussian=False, seed=1)
    errors = list(machine.train(data, epochs=60, rate=0.2))
    assert errors[-1] < 0.02 < errors[0]
    assert (machine.visible(machine.hidden(kinds)) - kinds).abs().max() < 0.2


def test_a_gaussian_machine_follows_the_mean_of_its_data() -> None:
    torch.manual_seed(0)
    data = torch.randn((600, 3)) * 0.5 + torch.tensor([1.0, -1.0, 0.0])
    machine = Rbm(3, 4, gaussian=True)
    errors = list(machine.train(data, epochs=40, rate=0.01))
    assert errors[-1] < errors[0]


def test_the_net_takes_over_the_machines() -> None:
    machines = [Rbm(3, 4, gaussian=True, seed=0), Rbm(4, 2, gaussian=False, seed=1)]
    machines[0].hidden_bias += 1
    net = DeepBeliefNet(3, 7, (4, 2)).eval()
    net.start_from(machines)
    window = torch.tensor([[[1.0, -1.0, 0.5]]])
    first = torch.relu(window[0] @ machines[0].weights + 1)
    second = torch.sigmoid(first @ machines[1].weights)
    assert torch.allclose(net(window), net.head(second))


def test_a_step_of_the_optimiser_by_hand() -> None:
    bias = torch.nn.Parameter(torch.tensor([1.0]))
    optimizer = NesterovRmsProp([bias], rate=0.1, momentum=0.5, decay=0.75, l2=0.0)
    speed = mean = 0.0
    value = 1.0
    for gradient in (2.0, -1.0):
        bias.grad = torch.tensor([gradient])
        optimizer.step()
        mean = 0.75 * mean + 0.25 * gradient**2
        pull = 0.1 * gradient / (mean + 1e-8) ** 0.5
        speed = 0.5 * speed - pull
        value += 0.5 * speed - pull
        assert float(bias.detach()) == pytest.approx(value)


def test_the_weights_of_a_unit_keep_within_the_norm() -> None:
    weight = torch.nn.Parameter(torch.tensor([[3.0, 4.0], [0.3, 0.4]]))
    weight.grad = torch.zeros(2, 2)
    NesterovRmsProp([weight], l2=0.0, column_norm=2.0).step()
    assert weight.detach().flatten().tolist() == pytest.approx([1.2, 1.6, 0.3, 0.4])


def test_padding_does_not_count() -> None:
    torch.manual_seed(0)
    net = DeepBeliefNet(5).eval()
    short, long = torch.randn((1, 8, 5)), torch.randn((1, 20, 5))
    windows = torch.zeros((2, 20, 5))
    windows[0, :8], windows[1] = short, long
    mask = torch.ones((2, 20), dtype=torch.bool)
    mask[0, 8:] = False
    together = net(windows, mask)
    assert torch.allclose(together[1:], net(long), atol=1e-5)
    assert torch.allclose(together[:1], net(short), atol=1e-5)
