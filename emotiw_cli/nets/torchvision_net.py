"""Any classifier of torchvision by its name there, with a head of our own."""

from __future__ import annotations

import inspect

from torch import Tensor, nn
from torchvision import models

from emotiw_cli.errors import InputError
from emotiw_cli.nets.classifier import Classifier
from emotiw_cli.nets.layers import replace_layers


class TorchvisionNet(Classifier):
    """A net of torchvision without its last linear layer, and a head.

    Batch normalisation and dropout are this package's, which mind several processes; stochastic
    depth, where a net has it, is torchvision's and drops other rows on several processes.

    Attributes
    ----------
    net : torchvision's, whose output is the features; its tensors keep their names below ``net.``.
    replaced : name within `net` of the layer that the head replaces.

    Parameters
    ----------
    name : as ``torchvision.models.get_model`` takes it.
    classes : number of logits.
    """

    # As in the papers of the two that have auxiliary heads, GoogLeNet and Inception v3.
    auxiliary_weight = 0.3

    def __init__(self, name: str, classes: int) -> None:
        super().__init__()
        self.net = _build(name, classes)
        if isinstance(self.net, models.SqueezeNet):
            # Its last convolution is a linear layer before the average, with a ReLU between.
            self.net.classifier = nn.Sequential(
                self.net.classifier[0], nn.AdaptiveAvgPool2d(1), nn.Flatten()
            )
            self.replaced, width = "classifier.1", 512
        else:
            self.replaced, width = _take_last_linear(self.net, name)
        replace_layers(self.net)
        self.dropout = nn.Identity()  # where a net has dropout before the head, it is in `net`
        self.head = nn.Linear(width, classes)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def body(self, x: Tensor) -> Tensor:
        """(n, 3, s, s) float32 → (n, d) float32."""
        return self._run(x)[0]

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        features, *auxiliary = self._run(self.centred(x))
        logits: Tensor = self.head(features)
        return (logits, *auxiliary) if self.training and auxiliary else logits

    def _run(self, x: Tensor) -> list[Tensor]:
        out = self.net(x)
        if isinstance(out, Tensor):
            return [out]
        return [part for part in out if part is not None]

    def ours(self, name: str) -> str:
        """Our name of the tensor that torchvision's weights call `name`."""
        layer, _, tensor = name.rpartition(".")
        return f"head.{tensor}" if layer == self.replaced else f"net.{name}"


def is_classifier(name: str) -> bool:
    """Whether torchvision has a classifier of this name."""
    return name in models.list_models(module=models)


def imagenet_weights(name: str) -> dict[str, Tensor]:
    """Torchvision's best ImageNet weights of the net `name`, downloaded if they are not at hand.

    Raises
    ------
    InputError
        If there are none, or they cannot be downloaded.
    """
    choices = models.get_model_weights(name)
    if not len(choices):
        raise InputError(f"torchvision has no ImageNet weights of {name}; give a file.")
    try:
        return dict(choices.DEFAULT.get_state_dict(progress=False, check_hash=True))
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"torchvision's weights of {name} cannot be downloaded ({error}); download "
            f"{choices.DEFAULT.url} elsewhere and import the file."
        ) from error


def _build(name: str, classes: int) -> nn.Module:
    options = {}
    taken = inspect.signature(models.get_model_builder(name)).parameters
    if name in ("googlenet", "inception_v3") and "kwargs" in taken:
        options = {"aux_logits": True, "init_weights": True, "transform_input": False}
    return models.get_model(name, weights=None, num_classes=classes, **options)


def _take_last_linear(net: nn.Module, name: str) -> tuple[str, int]:
    """Replace the last linear layer by nothing; its name and the number of its inputs."""
    linear = [(path, part) for path, part in net.named_modules() if isinstance(part, nn.Linear)]
    if not linear:
        raise InputError(f"torchvision/{name} does not end in a linear layer; choose another net.")
    path, last = linear[-1]
    parent, _, child = path.rpartition(".")
    setattr(net.get_submodule(parent), child, nn.Identity())
    return path, last.in_features
