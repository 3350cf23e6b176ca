"""Training samples: three frames of a target, made as a pure function of a seed and a number.

Three kinds are mixed: a cut-out pasted on another photograph and moved ("paste"), frames of a real clip ("clip"), and one
photograph seen in three poses ("still", stage 1 of section 4.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import DatasetError
from samn_tracker.train import scene
from samn_tracker.train.objects import Cutout, box_of, centre_and_size, cut_out, pick_object
from samn_tracker.train.photometry import degrade, draw_look
from samn_tracker.train.sources import LabelledImage, Source

FRAMES = 3
ATTEMPTS = 40
SMALLEST_FIRST_MASK = 32


@dataclass(frozen=True)
class SamplingConfig:
    """What samples look like. Shares are probabilities; distances and steps are in units of the target's size."""

    seed: int = 0
    paste: float = 0.5
    clip: float = 0.27
    still: float = 0.23
    box_start: float = 0.3
    absent: float = 0.08
    occluder: float = 0.25
    same_kind: float = 0.33
    deformed: float = 0.4
    reversed: float = 0.3
    longest_gap: int = 12
    search_factor: tuple[float, float] = (2.2, 4.8)
    jitter: float = 0.4
    far_jitter: float = 1.0
    far_share: float = 0.3
    scale_jitter: float = 0.2


@dataclass(frozen=True)
class WeightedSource:
    """A data set and how often it is used for each purpose, relative to the others; 0 is never."""

    source: Source
    paste: float = 0.0
    still: float = 0.0
    clip: float = 0.0
    background: float = 0.0


@dataclass(frozen=True)
class Sample:
    """Three frames of one target.

    Attributes:
        frames: (3, S, S, 3) uint8 RGB.
        masks: (3, S, S) uint8 0/1, the truth.
        first: (S, S) uint8 0/1, the mask that the tracker is given: the truth, or a filled box.
        box_start: whether it is a box; frame 2 then repeats frame 1, as the tracker's start does (section 6).
    """

    frames: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    first: NDArray[np.uint8]
    box_start: bool


@dataclass(frozen=True)
class _Ground:
    """What lies under all layers: images and target masks with their matrices to the world, one a frame."""

    images: list[NDArray[np.uint8]]
    masks: list[NDArray[np.uint8] | None]
    matrices: list[scene.Matrix]
    border: int


class SampleMaker:
    """Draws samples from weighted sources; `make(number, size)` gives the same sample on every call."""

    def __init__(self, sources: Sequence[WeightedSource], config: SamplingConfig) -> None:
        self.config = config
        self._sources = list(sources)
        for purpose in ("paste", "clip", "still"):
            if getattr(config, purpose) > 0 and not any(getattr(one, purpose) > 0 for one in sources):
                raise DatasetError(f"the share of '{purpose}' samples is above 0, but no data set has a weight for it")
        if config.paste > 0 and not any(one.background > 0 for one in sources):
            raise DatasetError("'paste' samples need a data set with a weight for 'background'")

    def make(self, number: int, size: int) -> Sample:
        """Sample `number` with patches of size x size pixels.

        Raises:
            DatasetError: no usable object was found in many tries, or a file is broken.
        """
        rng = np.random.default_rng([self.config.seed, number])
        for _ in range(ATTEMPTS):
            sample = self._attempt(rng, size)
            if sample is not None and sample.masks[0].sum() >= SMALLEST_FIRST_MASK:
                return self._finish(sample, rng)
        raise DatasetError(f"no usable object in {ATTEMPTS} tries; are the masks of the data sets empty or tiny?")

    def _attempt(self, rng: np.random.Generator, size: int) -> Sample | None:
        shares = np.array([self.config.paste, self.config.clip, self.config.still])
        kind = rng.choice(3, p=shares / shares.sum())
        return (self._paste, self._clip, self._still)[kind](rng, size)

    def _paste(self, rng: np.random.Generator, size: int) -> Sample | None:
        """An object moves over another photograph."""
        factor, absent = self._draw_factor(rng), rng.random() < self.config.absent
        owner = self._choose("paste", rng)
        cutout = self._cutout(owner, size / factor, rng)
        if cutout is None:
            return None
        poses = scene.draw_poses(rng, np.zeros(2), 1.0, 0.25, FRAMES)
        target = scene.Layer(
            cutout,
            poses,
            is_target=True,
            smeared=rng.random() < 0.15,
            deformation=self._draw_deformation(rng),
            hidden=(FRAMES - 1,) if absent else (),
        )
        count = max(int(absent), int(rng.choice(3, p=[0.35, 0.4, 0.25])))
        layers = [target]
        for _ in range(count):
            layers.insert(int(rng.random() < 0.4), self._distractor(owner, cutout, size / factor, 0.6, rng))
        if rng.random() < self.config.occluder:
            layers.append(self._occluder(poses, size / factor, rng))
        ground = self._background(factor, size, rng)
        places = [(scene.position(pose), scene.scale_of(pose)) for pose in poses]
        return self._render(ground, layers, self._views(places, factor, size, rng), rng)

    def _still(self, rng: np.random.Generator, size: int) -> Sample | None:
        """One photograph in three independent poses."""
        factor = self._draw_factor(rng)
        owner = self._choose("still", rng)
        item = _read(owner.source, int(rng.integers(len(owner.source))))
        mask = pick_object(item, rng)
        if mask is None:
            return None
        centre, own_size = centre_and_size(mask)
        poses = scene.draw_poses(rng, np.zeros(2), 1.0, 0.2, FRAMES, upright=True)
        image, mask, shrink = _match_resolution(item.image, mask, own_size * factor / size)
        local = scene.unit_frame(centre * shrink, own_size * shrink)
        border = int(rng.choice([cv2.BORDER_REPLICATE, cv2.BORDER_REFLECT_101], p=[0.7, 0.3]))
        ground = _Ground([image] * FRAMES, [mask] * FRAMES, [pose @ local for pose in poses], border)
        places = [(scene.position(pose), scene.scale_of(pose)) for pose in poses]
        views = self._views(places, factor, size, rng, away=rng.random() < self.config.absent)
        layers = self._extras(owner, poses, size / factor, 0.35, rng)
        return self._render(ground, layers, views, rng)

    def _clip(self, rng: np.random.Generator, size: int) -> Sample | None:
        """Three frames of a real clip, in order of time or reversed, with growing gaps."""
        factor = self._draw_factor(rng)
        owner = self._choose("clip", rng)
        clip = owner.source.clips[int(rng.integers(len(owner.source.clips)))]
        gaps = rng.integers(1, self.config.longest_gap + 1, FRAMES - 1)
        span = int(gaps.sum())
        if span >= len(clip):
            return None
        start = int(rng.integers(len(clip) - span))
        order = [clip[start], clip[start + int(gaps[0])], clip[start + span]]
        if rng.random() < self.config.reversed:
            order.reverse()
        items = [_read(owner.source, frame) for frame in order]
        first = pick_object(items[0], rng)
        if first is None:
            return None
        label = items[0].labels[first > 0][0]
        masks = [(item.labels == label).astype(np.uint8) for item in items]
        centre, own_size = centre_and_size(first)
        places: list[tuple[NDArray[np.float64], float]] = []
        for mask in masks:
            here, now = centre_and_size(mask)
            places.append(((here - centre) / own_size, now / own_size) if now else places[-1])
        scaled = [
            _match_resolution(item.image, mask, own_size * factor / size)
            for item, mask in zip(items, masks, strict=True)
        ]
        shrink = scaled[0][2]
        local = scene.unit_frame(centre * shrink, own_size * shrink)
        ground = _Ground([one[0] for one in scaled], [one[1] for one in scaled], [local] * FRAMES, cv2.BORDER_REPLICATE)
        views = self._views(places, factor, size, rng, away=rng.random() < self.config.absent)
        poses = [scene.shift_by(place) @ scene.similarity(scale) for place, scale in places]
        layers = self._extras(owner, poses, size / factor, 0.15, rng)
        return self._render(ground, layers, views, rng)

    def _finish(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Flip, colours and defects; then the start from a box, where this sample has one."""
        look = draw_look(rng, 1.0)
        frames = [degrade(draw_look(rng, 0.25)(look(frame)), rng) for frame in sample.frames]
        masks = sample.masks
        if rng.random() < 0.5:
            frames, masks = [frame[:, ::-1] for frame in frames], masks[:, :, ::-1]
        sample = replace(sample, frames=np.stack(frames), masks=np.ascontiguousarray(masks), first=masks[0].copy())
        return start_from_box(sample, rng) if rng.random() < self.config.box_start else sample

    def _views(
        self,
        places: list[tuple[NDArray[np.float64], float]],
        factor: float,
        size: int,
        rng: np.random.Generator,
        away: bool = False,
    ) -> list[scene.View]:
        """Windows as a tracker would put them: exact in the first frame, jittered later; `away` misses in the last."""
        views = [scene.View(rng.normal(0, 0.03, 2), factor * places[0][1], size)]
        for centre, scale in places[1:]:
            reach = self.config.far_jitter if rng.random() < self.config.far_share else self.config.jitter
            side = factor * scale * float(np.exp(rng.normal(0, self.config.scale_jitter)))
            views.append(scene.View(centre + scale * rng.uniform(-reach, reach, 2), side, size))
        if away:
            angle = rng.uniform(-np.pi, np.pi)
            last = views[-1]
            distance = (0.75 * last.side + 1.2 * places[-1][1]) * np.array([np.cos(angle), np.sin(angle)])
            views[-1] = replace(last, centre=places[-1][0] + distance)
        return views

    def _render(
        self, ground: _Ground, layers: list[scene.Layer], views: list[scene.View], rng: np.random.Generator
    ) -> Sample:
        softness = float(rng.uniform(0.4, 1.3))
        frames, masks = [], []
        for number, view in enumerate(views):
            matrix = view.matrix @ ground.matrices[number]
            base = scene.warp(ground.images[number], matrix, view.size, ground.border)
            own = ground.masks[number]
            target = np.zeros(base.shape[:2], np.float32)
            if own is not None:
                target = scene.warp(own * 255, matrix, view.size, cv2.BORDER_CONSTANT).astype(np.float32) / 255
            frame, mask = scene.compose(base, target, layers, number, view, softness, rng)
            frames.append(frame)
            masks.append(mask)
        return Sample(np.stack(frames), np.stack(masks), masks[0], box_start=False)

    def _background(self, factor: float, size: int, rng: np.random.Generator) -> _Ground:
        """A photograph that drifts under the scene as if the camera moved."""
        source = self._choose("background", rng).source
        image = _read(source, int(rng.integers(len(source)))).image
        visible = rng.uniform(0.35, 0.95) * min(image.shape[:2])
        image, _, shrink = _match_resolution(image, None, visible / size)
        focus = rng.uniform(0.3, 0.7, 2) * [image.shape[1], image.shape[0]]
        local = scene.similarity(factor / (visible * shrink)) @ scene.shift_by(-focus)
        poses = scene.draw_poses(rng, np.zeros(2), 1.0, rng.uniform(0.02, 0.3), FRAMES, upright=True)
        return _Ground([image] * FRAMES, [None] * FRAMES, [pose @ local for pose in poses], cv2.BORDER_REFLECT_101)

    def _extras(
        self, owner: WeightedSource, poses: list[scene.Matrix], pixels: float, share: float, rng: np.random.Generator
    ) -> list[scene.Layer]:
        """A distractor and an occluder, each sometimes, over a photograph or clip."""
        layers = []
        if self.config.paste > 0 and rng.random() < share:
            layers.append(self._distractor(owner, None, pixels, 1.1, rng))
        if self.config.paste > 0 and rng.random() < self.config.occluder:
            layers.append(self._occluder(poses, pixels, rng))
        return layers

    def _distractor(
        self, owner: WeightedSource, twin: Cutout | None, pixels: float, nearest: float, rng: np.random.Generator
    ) -> scene.Layer:
        """Another object beside the target; sometimes the target's double or one of its kind."""
        cutout = None
        if rng.random() < self.config.same_kind:
            if twin is not None and rng.random() < 0.5:
                cutout = _recolour(twin, rng)
            elif owner.paste > 0:
                cutout = self._cutout(owner, pixels, rng)
        cutout = cutout or self._any_cutout(pixels, rng)
        angle = rng.uniform(-np.pi, np.pi)
        start = rng.uniform(nearest, 2.2) * np.array([np.cos(angle), np.sin(angle)])
        poses = scene.draw_poses(rng, start, float(np.exp(rng.normal(0, 0.3))), 0.2, FRAMES)
        return scene.Layer(cutout, poses, deformation=self._draw_deformation(rng))

    def _occluder(self, target: list[scene.Matrix], pixels: float, rng: np.random.Generator) -> scene.Layer:
        """An object that passes over the target in the second or third frame."""
        when = int(rng.integers(1, FRAMES))
        offset = rng.uniform(-0.6, 0.6, 2) * scene.scale_of(target[when])
        poses = scene.draw_poses(rng, np.zeros(2), float(rng.uniform(0.4, 1.0)), 0.4, FRAMES)
        shift = scene.shift_by(scene.position(target[when]) + offset - scene.position(poses[when]))
        cutout = self._any_cutout(pixels, rng)
        return scene.Layer(cutout, [shift @ pose for pose in poses], hidden=(0,), smeared=rng.random() < 0.3)

    def _any_cutout(self, pixels: float, rng: np.random.Generator) -> Cutout:
        for _ in range(ATTEMPTS):
            cutout = self._cutout(self._choose("paste", rng), pixels, rng)
            if cutout is not None:
                return cutout
        raise DatasetError(f"no object to paste in {ATTEMPTS} tries; are the masks of the data sets empty or tiny?")

    def _cutout(self, owner: WeightedSource, pixels: float, rng: np.random.Generator) -> Cutout | None:
        item = _read(owner.source, int(rng.integers(len(owner.source))))
        mask = pick_object(item, rng)
        cutout = None if mask is None else cut_out(item.image, mask, 1.3 * pixels)
        return None if cutout is None else _recolour(cutout, rng)

    def _choose(self, purpose: str, rng: np.random.Generator) -> WeightedSource:
        weights = np.array([getattr(one, purpose) for one in self._sources], dtype=float)
        return self._sources[int(rng.choice(len(weights), p=weights / weights.sum()))]

    def _draw_factor(self, rng: np.random.Generator) -> float:
        return float(rng.uniform(*self.config.search_factor))

    def _draw_deformation(self, rng: np.random.Generator) -> float:
        return float(rng.uniform(0.01, 0.06)) if rng.random() < self.config.deformed else 0.0


def start_from_box(sample: Sample, rng: np.random.Generator) -> Sample:
    """The same sample started from a filled box: axis-aligned or rotated, its sides a little off.

    The second frame becomes a copy of the first, because the tracker first segments the frame it was started on.
    """
    contour = cv2.findNonZero(sample.masks[0])
    if rng.random() < 0.5:
        (x, y), (w, h), angle = cv2.minAreaRect(contour)
    else:
        left, top, w, h = box_of(sample.masks[0])
        (x, y), angle = (left + (w - 1) / 2, top + (h - 1) / 2), 0.0
    w, h = (side * float(np.exp(rng.normal(0.02, 0.06))) for side in (w, h))
    x, y = x + w * float(rng.normal(0, 0.02)), y + h * float(rng.normal(0, 0.02))
    corners = cv2.boxPoints(((x, y), (w, h), angle)).round().astype(np.int32)
    box = np.zeros_like(sample.masks[0])
    cv2.fillConvexPoly(box, corners, 1)
    frames, masks = sample.frames.copy(), sample.masks.copy()
    frames[1], masks[1] = frames[0], masks[0]
    return Sample(frames, masks, box, box_start=True)


def _read(source: Source, index: int) -> LabelledImage:
    return source.read(index)


def _recolour(cutout: Cutout, rng: np.random.Generator) -> Cutout:
    """The cut-out under another light."""
    look = draw_look(rng, 0.6)
    return replace(
        cutout, pixels=np.dstack([look(np.ascontiguousarray(cutout.pixels[..., :3])), cutout.pixels[..., 3]])
    )


def _match_resolution(
    image: NDArray[np.uint8], mask: NDArray[np.uint8] | None, pixels: float
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None, float]:
    """Image and mask shrunk where a patch pixel covers `pixels` > 1.3 of theirs, and by what factor."""
    if pixels <= 1.3:
        return image, mask, 1.0
    height, width = image.shape[:2]
    small = (max(8, round(width / pixels)), max(8, round(height / pixels)))
    image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    if mask is not None:
        mask = (cv2.resize(mask * 255, small, interpolation=cv2.INTER_AREA) > 127).astype(np.uint8)
    return image, mask, small[0] / width
