"""One frame of the published model, written a second time from equations 3-5 with plain loops and published names.

The second version shares no code with the package: it takes the tensors of a checkpoint in the published layout, reads
the memory position by position, concatenates the query value and runs the decoder by the checkpoint's own names.
"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from samn_tracker.core.config import SAMN_R50
from samn_tracker.memory.appearance import AppearanceBank
from samn_tracker.memory.config import AppearanceConfig, DynamicConfig
from samn_tracker.memory.reader import read_memory
from samn_tracker.model.network import Network, aggregate, location_map, target_probability
from samn_tracker.model.published import to_published

OBJECTS, FRAMES, HEIGHT, WIDTH = 2, 3, 4, 3


def loop_read(query_key: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Eq. 3 and 4 for one object: (Ck, h, w), (N, Ck, h, w), (N, Cv, h, w) to (Cv, h, w), one position at a time."""
    result = torch.zeros(values.shape[1], *query_key.shape[1:], dtype=values.dtype)
    for row in range(query_key.shape[1]):
        for column in range(query_key.shape[2]):
            query = query_key[:, row, column]
            logits, candidates = [], []
            for frame in range(keys.shape[0]):
                for r in range(keys.shape[2]):
                    for c in range(keys.shape[3]):
                        logits.append(float(query @ keys[frame, :, r, c]) / math.sqrt(len(query)))
                        candidates.append(values[frame, :, r, c])
            highest = max(logits)
            weights = [math.exp(logit - highest) for logit in logits]
            for weight, value in zip(weights, candidates, strict=True):
                result[:, row, column] += weight / sum(weights) * value
    return result


def plain_decoder(tensors: dict[str, Tensor], read_out: Tensor, f8: Tensor, f4: Tensor, location: Tensor) -> Tensor:
    """The decoder by its published names; nothing but convolutions, ReLU, sums and bilinear enlargement."""

    def convolution(name: str, x: Tensor) -> Tensor:
        return functional.conv2d(x, tensors[f"Decoder.{name}.weight"], tensors[f"Decoder.{name}.bias"], padding=1)

    def block(name: str, x: Tensor) -> Tensor:
        return x + convolution(f"{name}.conv2", torch.relu(convolution(f"{name}.conv1", torch.relu(x))))

    def twice(x: Tensor) -> Tensor:
        return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)

    def refine(name: str, skip: Tensor, coarse: Tensor) -> Tensor:
        return block(f"{name}.ResMM", block(f"{name}.ResFS", convolution(f"{name}.convFS", skip)) + twice(coarse))

    m4 = refine("RF2", f4, refine("RF3", f8, block("ResMM", convolution("convFM", read_out)) + location))
    logits = convolution("pred2", torch.relu(m4))
    return functional.interpolate(logits, scale_factor=4, mode="bilinear", align_corners=False)


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(11)
    return Network(SAMN_R50.model).double().eval()


@torch.inference_mode()
def test_reader_decoder_and_soft_aggregation_agree_with_plain_loops(network: Network) -> None:
    generator = torch.Generator().manual_seed(2)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    query = network.encode_query(torch.rand(1, 3, 16 * HEIGHT, 16 * WIDTH, generator=generator, dtype=torch.float64))
    keys, values = random(OBJECTS, FRAMES, 128, HEIGHT, WIDTH), random(OBJECTS, FRAMES, 512, HEIGHT, WIDTH)
    location = location_map(network.config, (HEIGHT, WIDTH), (WIDTH / 2, HEIGHT / 2), query.value)

    flat = [stored.flatten(3).transpose(2, 3).flatten(1, 2).unflatten(1, (FRAMES, -1)) for stored in (keys, values)]
    retrieved = read_memory(query.key, *flat)
    ours = aggregate(target_probability(network.decode(retrieved, query, location)))

    tensors = to_published(network)
    own = []
    for index in range(OBJECTS):
        read = loop_read(query.key[0], keys[index], values[index])
        assert torch.allclose(read, retrieved[index], atol=1e-5)
        read_out = torch.cat([read, query.value[0]])[None]  # eq. 5
        logits = plain_decoder(tensors, read_out, query.f8, query.f4, location)[0]
        own.append(torch.exp(logits[1]) / (torch.exp(logits[0]) + torch.exp(logits[1])))
    own.insert(0, (1 - own[0]) * (1 - own[1]))
    odds = [p.clamp(1e-7, 1 - 1e-7) / (1 - p.clamp(1e-7, 1 - 1e-7)) for p in own]
    for index in range(OBJECTS + 1):
        assert torch.allclose(odds[index] / sum(odds), ours[index].double()[0], atol=1e-5)


@torch.inference_mode()
def test_the_bank_reads_what_the_loops_read(network: Network) -> None:
    generator = torch.Generator().manual_seed(3)
    frames = [
        (torch.randn(1, 16, 3, 3, generator=generator), torch.randn(1, 8, 3, 3, generator=generator)) for _ in range(4)
    ]
    bank = AppearanceBank(
        replace(AppearanceConfig(), interval=1), replace(DynamicConfig(), weighting="none"), similarity="dot"
    )
    bank.start(*frames[0])
    for index, frame in enumerate(frames[1:], start=1):
        bank.memorise(*frame, index)
    query = torch.randn(1, 16, 3, 3, generator=generator)
    expected = loop_read(query[0], torch.cat([key for key, _ in frames]), torch.cat([value for _, value in frames]))
    assert torch.allclose(bank.read(query)[0], expected, atol=1e-5)
