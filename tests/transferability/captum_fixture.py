"""Makes `captum_fixture.npz`: maps of captum on two small networks.

    pip install torch==2.13.0 captum==0.9.0
    python tests/transferability/captum_fixture.py

Both networks are convolution, pooling, convolution, mean over positions and a
dense layer; `relu` has ReLU after the convolutions and `tanh` has tanh. Kept
are weights (as Keras has them), images, and captum's maps of output 1. Its
`EpsilonRule` adds epsilon after every layer and not only before nonlinearities:
without one of ours, a layer has a rule whose epsilon is next to nothing.
"""

import pathlib

import numpy as np
import torch
from captum import attr
from captum.attr._utils import lrp_rules as rules

PATH = pathlib.Path(__file__).with_suffix(".npz")
EPSILON = 0.01


class Small(torch.nn.Module):
    """Outputs `(batch, 4)` of images `(batch, 3, 12, 12)`."""

    def __init__(self, activation):
        super().__init__()
        self.first = torch.nn.Conv2d(3, 5, 3)
        self.one = activation()
        self.pool = torch.nn.AvgPool2d(2)
        self.second = torch.nn.Conv2d(5, 6, 3)
        self.other = activation()
        self.mean = torch.nn.AdaptiveAvgPool2d(1)
        self.last = torch.nn.Linear(6, 4)

    def forward(self, x):
        x = self.pool(self.one(self.first(x)))
        x = self.mean(self.other(self.second(x)))
        return self.last(x[:, :, 0, 0])


def arrays_of(name, activation):
    """All that is kept of one network."""
    torch.manual_seed(0)
    model = Small(activation).eval()
    images = torch.rand(3, 3, 12, 12)
    for layer in (model.first, model.second):
        layer.rule = rules.EpsilonRule(EPSILON)
    methods = {
        "saliency": (attr.Saliency(model), {}),
        "gradient_x_input": (attr.InputXGradient(model), {}),
        "integrated_gradients": (
            attr.IntegratedGradients(model),
            {"n_steps": 32, "baselines": torch.zeros_like(images)},
        ),
        "epsilon_lrp": (attr.LRP(model), {}),
    }
    found = {f"{name}/images": as_keras(images)}
    for layer in ("first", "second", "last"):
        part = getattr(model, layer)
        found[f"{name}/{layer}/kernel"] = as_keras(part.weight)
        found[f"{name}/{layer}/bias"] = part.bias.detach().numpy().copy()
    for method, (explainer, options) in methods.items():
        maps = explainer.attribute(images.clone(), target=1, **options)
        found[f"{name}/{method}"] = as_keras(maps).astype("float32")
    return found


def as_keras(tensor):
    """Channels last, and the filters or units of a kernel last."""
    array = tensor.detach().numpy().copy()
    if array.ndim == 2:
        return array.T
    is_kernel = isinstance(tensor, torch.nn.Parameter)
    return array.transpose((2, 3, 1, 0) if is_kernel else (0, 2, 3, 1))


if __name__ == "__main__":
    found = arrays_of("relu", torch.nn.ReLU)
    found |= arrays_of("tanh", torch.nn.Tanh)
    np.savez_compressed(PATH, **found)
