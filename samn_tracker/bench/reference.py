"""A plain eager reference of the authors' schedule, to measure the product against (method notes, sections 1 to 6).

Three encoder passes a frame: localisation on a 256 patch of its own, query and memory on 384 patches. Keys and values
are concatenated anew every frame and never dropped; the softmax runs over the first axis of a transposed score matrix;
the decoder works on the whole patch; BatchNorm is not folded; float32, channels first. The weights are the product's.
The reference has no dynamic memory machine: what it leaves out counts against the product.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from samn_tracker.bench.reference_filter import AutogradFilter, upsampled
from samn_tracker.bench.stopwatch import Stopwatch
from samn_tracker.core.config import TrackerConfig
from samn_tracker.memory.augmentation import first_frame_samples
from samn_tracker.memory.spatial import LABEL_SIGMA
from samn_tracker.model.encoders import QueryFeatures
from samn_tracker.model.network import Network, location_map, single_logits, target_probability
from samn_tracker.shapes.box_fit import fit_rotated_box
from samn_tracker.shapes.geometry import Window
from samn_tracker.shapes.regions import largest_component, mask_to_box

PATCH_SIZE = 384
"""Patch of query and memory encoder in the published schedule."""


@dataclass(frozen=True)
class Encoded:
    """Patches (B, 3, S, S) in 0..1 and their query features."""

    patches: Tensor
    query: QueryFeatures


class Reference:
    """One target, followed as the authors do. `parts` collects the time of every step of a frame."""

    def __init__(
        self, network: Network, config: TrackerConfig, device: str = "cpu", patch_size: int = PATCH_SIZE
    ) -> None:
        self.network = network.eval().to(device)
        self.config = config
        self.device = torch.device(device)
        self.patch_size = patch_size
        self.parts = Stopwatch(self.device)
        self.keys: list[Tensor] = []
        self.values: list[Tensor] = []

    # --- the steps -------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def encode(self, patches: NDArray[np.uint8]) -> Encoded:
        """Query features of patches (B, S, S, 3)."""
        tensor = self._pixels(patches)
        return Encoded(tensor, self.network.encode_query(tensor))

    @torch.no_grad()
    def features(self, patches: NDArray[np.uint8]) -> Tensor:
        """Only the stride-16 features of patches (B, S, S, 3)."""
        encoder = self.network.query_encoder
        return encoder.trunk(encoder.normalise(self._pixels(patches)))[2]

    @torch.no_grad()
    def memorise(self, patches: NDArray[np.uint8], mask: NDArray[np.float32]) -> None:
        """Encode the patch (1, S, S, 3) with its mask (S, S) from the image on, and store key and value."""
        pixels = self._pixels(patches)
        mask_tensor = torch.from_numpy(mask).to(self.device)[None, None]
        shares_trunk = self.config.model.memory_encoder == "feature"
        query = self.network.encode_query(pixels) if shares_trunk else None
        memory = self.network.encode_memory(pixels, mask_tensor, query)
        self.keys.append(memory.key)
        self.values.append(memory.value)

    @torch.no_grad()
    def read(self, query_key: Tensor) -> Tensor:
        """Eq. 3 and 4 as written: (T h w) x (h w) scores, softmax over the memory, value times weights."""
        keys = torch.cat([key[:, :, None] for key in self.keys], dim=2).flatten(2)
        values = torch.cat([value[:, :, None] for value in self.values], dim=2).flatten(2)
        batch, channels, height, width = query_key.shape
        scores = torch.bmm(keys.transpose(1, 2), query_key.flatten(2)) / math.sqrt(channels)
        if self.config.model.similarity == "l2":
            scores = 2 * scores - keys.square().sum(1)[:, :, None] / math.sqrt(channels)
        weights = torch.softmax(scores, dim=1)
        return torch.bmm(values, weights).view(batch, -1, height, width)

    @torch.no_grad()
    def decode(self, retrieved: Tensor, query: QueryFeatures, centre: tuple[float, float]) -> NDArray[np.float32]:
        """Probability (S, S); `centre` x, y in cells."""
        size = (retrieved.shape[-2], retrieved.shape[-1])
        location = location_map(self.config.model, size, centre, retrieved)
        logits = single_logits(self.config.model, self.network.decode(retrieved, query, location))
        return target_probability(logits)[0, 0].cpu().numpy()

    # --- one sequence ----------------------------------------------------------------------------------------------

    def start(self, image: NDArray[np.uint8], mask: NDArray[np.uint8]) -> None:
        """First memory from a mask, and the filter from 27 samples, encoded one by one."""
        self.keys, self.values = [], []
        box = mask_to_box(mask)
        self.shape = mask.shape
        self.centre, self.size = box[:2] + box[2:] / 2, box[2:]
        window = self._window(self.config.segmentation.search_factor, self.patch_size)
        self.memorise(window.crop(image)[None], window.crop_mask(mask))
        search = self._window(self.config.spatial.search_factor, self.config.spatial.patch_size)
        patches, centres = first_frame_samples(image, search)
        features = torch.cat([self.features(patch[None]) for patch in patches])
        self.filter = AutogradFilter(self.config.spatial)
        self.filter.start(features, self._labels(centres, search, features.shape[-1]))

    def track(self, image: NDArray[np.uint8]) -> NDArray[np.float64]:
        """(4, 2) corners of the rotated box in the next frame; the filter stays as the first frame made it."""
        parts = self.parts
        search = self._window(self.config.spatial.search_factor, self.config.spatial.patch_size)
        with parts("crop and paste"):
            patch = search.crop(image)[None]
        with parts("localisation encoder"):
            features = self.features(patch)
        with parts("spatial memory"), torch.no_grad():
            centre_crop = self._peak(self.filter.scores(features), search.size)
            self.centre = search.to_image(centre_crop)
        window = self._window(self.config.segmentation.search_factor, self.patch_size)
        with parts("crop and paste"):
            patch = window.crop(image)[None]
        with parts("query encoder"):
            encoded = self.encode(patch)
        with parts("read"):
            retrieved = self.read(encoded.query.key)
        with parts("decoder"):
            cells = retrieved.shape[-1]
            probability = self.decode(retrieved, encoded.query, (cells / 2, cells / 2))
        with parts("crop and paste"):
            pasted = window.paste(probability, self.shape)
        with parts("mask and box"):
            mask = largest_component((pasted > self.config.mask_start.threshold).astype(np.uint8))
            polygon = fit_rotated_box(mask)
        with parts("memory encoder"):
            self.memorise(patch, probability)
        with parts("spatial memory"), torch.no_grad():
            self.filter.add(features, self._labels(centre_crop[None], search, features.shape[-1]))
        return polygon

    def _pixels(self, patches: NDArray[np.uint8]) -> Tensor:
        return torch.from_numpy(patches).to(self.device).permute(0, 3, 1, 2).contiguous().float() / 255

    def _window(self, factor: float, size: int) -> Window:
        side = factor * float(np.sqrt(self.size.prod()))
        return Window((float(self.centre[0]), float(self.centre[1])), side, size)

    def _labels(self, centres_crop: NDArray[np.float64], window: Window, cells: int) -> Tensor:
        sigma = float(np.sqrt((self.size / window.scale).prod())) / 16 * LABEL_SIGMA
        position = np.arange(cells + 1)
        centres = centres_crop / 16
        across, down = (np.exp(-0.5 * ((position - centres[:, axis, None]) / sigma) ** 2) for axis in (0, 1))
        labels = down[:, None, :, None] * across[:, None, None, :]
        return torch.from_numpy(labels).float().to(self.device)

    def _peak(self, scores: Tensor, size: int) -> NDArray[np.float64]:
        hann = torch.hann_window(size, periodic=False, device=self.device)
        fine = upsampled(scores, size)[0, 0] * hann[:, None] * hann
        row, column = divmod(int(fine.argmax()), size)
        return np.array([column, row], dtype=np.float64) * (16 * scores.shape[-1] / size)
