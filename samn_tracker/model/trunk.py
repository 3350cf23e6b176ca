"""ResNet trunks (He et al., CVPR 2016) up to stride 16, with frozen or folded BatchNorm;
and the residual block of encoders and decoder.

Parameter names follow torchvision (`conv1`, `bn1`, `layer1` .. `layer3`), so its files load by name.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional


class TrunkShape(NamedTuple):
    """Channels of the three feature maps and the number of residual blocks that make them."""

    f4: int
    f8: int
    f16: int
    blocks: tuple[int, int, int]
    bottleneck: bool


TRUNKS: dict[str, TrunkShape] = {
    "resnet18": TrunkShape(64, 128, 256, (2, 2, 2), bottleneck=False),
    "resnet50": TrunkShape(256, 512, 1024, (3, 4, 6), bottleneck=True),
}


class FrozenBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm that always uses its running statistics: training batches are too small to estimate them."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.eval()

    def train(self, mode: bool = True) -> FrozenBatchNorm2d:
        """Stay in evaluation mode whatever is asked."""
        super().train(False)
        return self


def convolution(inputs: int, outputs: int, kernel: int, stride: int, batch_norm: bool) -> nn.Conv2d:
    """A "same"-padded convolution; it has a bias where no BatchNorm follows."""
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=not batch_norm)


def normalisation(channels: int, batch_norm: bool) -> nn.Module:
    """Frozen BatchNorm, or nothing where it is folded into the convolution before."""
    return FrozenBatchNorm2d(channels) if batch_norm else nn.Identity()


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a skip."""

    def __init__(self, inputs: int, outputs: int, stride: int, batch_norm: bool) -> None:
        super().__init__()
        self.conv1 = convolution(inputs, outputs, 3, stride, batch_norm)
        self.bn1 = normalisation(outputs, batch_norm)
        self.conv2 = convolution(outputs, outputs, 3, 1, batch_norm)
        self.bn2 = normalisation(outputs, batch_norm)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _downsample(inputs, outputs, stride, batch_norm)

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + self.downsample(x))


class Bottleneck(nn.Module):
    """1x1, 3x3 (with the stride), 1x1 convolutions and a skip; the inner width is a quarter of the output's."""

    def __init__(self, inputs: int, outputs: int, stride: int, batch_norm: bool) -> None:
        super().__init__()
        width = outputs // 4
        self.conv1 = convolution(inputs, width, 1, 1, batch_norm)
        self.bn1 = normalisation(width, batch_norm)
        self.conv2 = convolution(width, width, 3, stride, batch_norm)
        self.bn2 = normalisation(width, batch_norm)
        self.conv3 = convolution(width, outputs, 1, 1, batch_norm)
        self.bn3 = normalisation(outputs, batch_norm)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _downsample(inputs, outputs, stride, batch_norm)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        return self.relu(self.bn3(self.conv3(y)) + self.downsample(x))


def _downsample(inputs: int, outputs: int, stride: int, batch_norm: bool) -> nn.Module:
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    return nn.Sequential(convolution(inputs, outputs, 1, stride, batch_norm), normalisation(outputs, batch_norm))


class Trunk(nn.Module):
    """Normalised image (B, 3, H, W) to feature maps at strides 4, 8 and 16."""

    def __init__(self, name: str, batch_norm: bool) -> None:
        super().__init__()
        shape = TRUNKS[name]
        self.bottleneck = shape.bottleneck
        self.conv1 = convolution(3, 64, 7, 2, batch_norm)
        self.bn1 = normalisation(64, batch_norm)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = _layer(shape, 64, shape.f4, shape.blocks[0], 1, batch_norm)
        self.layer2 = _layer(shape, shape.f4, shape.f8, shape.blocks[1], 2, batch_norm)
        self.layer3 = _layer(shape, shape.f8, shape.f16, shape.blocks[2], 2, batch_norm)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.layers(self.conv1(image))

    def layers(self, stem: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Feature maps f4, f8, f16 from the first convolution's output."""
        f4 = self.layer1(self.relu(self.maxpool(self.bn1(stem))))  # the same as ReLU first, on a quarter of the pixels
        f8 = self.layer2(f4)
        return f4, f8, self.layer3(f8)


def _layer(shape: TrunkShape, inputs: int, outputs: int, blocks: int, stride: int, batch_norm: bool) -> nn.Sequential:
    block = Bottleneck if shape.bottleneck else BasicBlock
    first = block(inputs, outputs, stride, batch_norm)
    return nn.Sequential(first, *(block(outputs, outputs, 1, batch_norm) for _ in range(blocks - 1)))


class ResidualBlock(nn.Module):
    """Pre-activation block: ReLU, 3x3, ReLU, 3x3, and a skip (a 3x3 convolution where the channels change)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.downsample = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(functional.relu(self.conv1(functional.relu(x))))
        return self.downsample(x) + y
