"""Training samples: the frames of a target, made as a pure function of a seed and a number.

Three kinds are mixed: a cut-out pasted on another photograph and moved ("paste"), frames of a real clip ("clip"), and
one photograph seen in several poses ("still", stage 1 of section 4.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import DatasetError
from samn_tracker.train import scene
from samn_tracker.train.objects import Cutout, centre_and_size, pick_object
from samn_tracker.train.pool import ATTEMPTS, Pool, WeightedSource, any_image, match_resolution, recolour
from samn_tracker.train.sample import Sample, SamplingConfig, finish, plain_sample

SMALLEST_FIRST_MASK = 32


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
        self._frames = config.frames
        self.sources = [one.source for one in sources]
        self._pool = Pool(sources)
        wanted = [purpose for purpose in ("paste", "clip", "still") if getattr(config, purpose) > 0]
        for purpose in [*wanted, *(["background"] if config.paste > 0 else [])]:
            if not self._pool.serves(purpose):
                raise DatasetError(f"these shares of samples need a data set with a weight for '{purpose}'")

    def make(self, number: int, size: int) -> Sample:
        """Sample `number` with patches of size x size pixels.

        Raises:
            DatasetError: no usable object was found in many tries, or a file is broken.
        """
        rng = np.random.default_rng([self.config.seed, number])
        for _ in range(ATTEMPTS):
            sample = self._attempt(rng, size)
            if sample is not None and sample.masks[0].sum() >= SMALLEST_FIRST_MASK:
                return finish(sample, self.config, rng)
        raise DatasetError(f"no usable object in {ATTEMPTS} tries; are the masks of the data sets empty or tiny?")

    def _attempt(self, rng: np.random.Generator, size: int) -> Sample | None:
        shares = np.array([self.config.paste, self.config.clip, self.config.still])
        kind = rng.choice(3, p=shares / shares.sum())
        return (self._paste, self._clip, self._still)[kind](rng, size)

    def _paste(self, rng: np.random.Generator, size: int) -> Sample | None:
        """An object moves over another photograph."""
        factor, absent = self._draw_factor(rng), rng.random() < self.config.absent
        owner = self._pool.choose("paste", rng)
        cutout = self._pool.cutout(owner, size / factor, rng)
        if cutout is None:
            return None
        poses = scene.draw_poses(rng, np.zeros(2), 1.0, 0.25, self._frames)
        target = scene.Layer(
            cutout,
            poses,
            is_target=True,
            smeared=rng.random() < 0.15,
            deformation=self._draw_deformation(rng),
            hidden=(self._frames - 1,) if absent else (),
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
        """One photograph in several poses."""
        factor = self._draw_factor(rng)
        owner = self._pool.choose("still", rng)
        item = any_image(owner.source, rng)
        mask = pick_object(item, rng)
        if mask is None:
            return None
        centre, own_size = centre_and_size(mask)
        poses = scene.draw_poses(rng, np.zeros(2), 1.0, 0.2, self._frames, upright=True)
        image, mask, shrink = match_resolution(item.image, mask, own_size * factor / size)
        local = scene.unit_frame(centre * shrink, own_size * shrink)
        border = int(rng.choice([cv2.BORDER_REPLICATE, cv2.BORDER_REFLECT_101], p=[0.7, 0.3]))
        ground = _Ground([image] * self._frames, [mask] * self._frames, [pose @ local for pose in poses], border)
        places = [(scene.position(pose), scene.scale_of(pose)) for pose in poses]
        views = self._views(places, factor, size, rng, away=rng.random() < self.config.absent)
        layers = self._extras(owner, poses, size / factor, 0.35, rng)
        return self._render(ground, layers, views, rng)

    def _clip(self, rng: np.random.Generator, size: int) -> Sample | None:
        """Frames of a real clip, in order of time or reversed, with growing gaps."""
        factor = self._draw_factor(rng)
        owner = self._pool.choose("clip", rng)
        clip = owner.source.clips[int(rng.integers(len(owner.source.clips)))]
        gaps = rng.integers(1, self.config.longest_gap + 1, self._frames - 1)
        span = int(gaps.sum())
        if span >= len(clip):
            return None
        start = int(rng.integers(len(clip) - span))
        order = [clip[start + int(offset)] for offset in (0, *gaps.cumsum())]
        if rng.random() < self.config.reversed:
            order.reverse()
        items = [owner.source.read(frame) for frame in order]
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
            match_resolution(item.image, mask, own_size * factor / size)
            for item, mask in zip(items, masks, strict=True)
        ]
        shrink = scaled[0][2]
        local = scene.unit_frame(centre * shrink, own_size * shrink)
        ground = _Ground(
            [one[0] for one in scaled], [one[1] for one in scaled], [local] * self._frames, cv2.BORDER_REPLICATE
        )
        views = self._views(places, factor, size, rng, away=rng.random() < self.config.absent)
        poses = [scene.shift_by(place) @ scene.similarity(scale) for place, scale in places]
        layers = self._extras(owner, poses, size / factor, 0.15, rng)
        return self._render(ground, layers, views, rng)

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
        drawn = []
        for number, view in enumerate(views):
            matrix = view.matrix @ ground.matrices[number]
            base = scene.warp(ground.images[number], matrix, view.size, ground.border)
            target = _target_share(ground.masks[number], matrix, view.size)
            drawn.append(scene.compose(base, target, layers, number, view, softness, rng))
        frames, masks, others = (np.stack(parts) for parts in zip(*drawn, strict=True))
        return plain_sample(frames, masks, others, _moves(views))

    def _background(self, factor: float, size: int, rng: np.random.Generator) -> _Ground:
        """A photograph that drifts under the scene as if the camera moved."""
        source = self._pool.choose("background", rng).source
        image = any_image(source, rng).image
        visible = rng.uniform(0.35, 0.95) * min(image.shape[:2])
        image, _, shrink = match_resolution(image, None, visible / size)
        focus = rng.uniform(0.3, 0.7, 2) * [image.shape[1], image.shape[0]]
        local = scene.similarity(factor / (visible * shrink)) @ scene.shift_by(-focus)
        poses = scene.draw_poses(rng, np.zeros(2), 1.0, rng.uniform(0.02, 0.3), self._frames, upright=True)
        return _Ground(
            [image] * self._frames,
            [None] * self._frames,
            [pose @ local for pose in poses],
            cv2.BORDER_REFLECT_101,
        )

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
                cutout = recolour(twin, rng)
            elif owner.paste > 0:
                cutout = self._pool.cutout(owner, pixels, rng)
        cutout = cutout or self._pool.any_cutout(pixels, rng)
        angle = rng.uniform(-np.pi, np.pi)
        start = rng.uniform(nearest, 2.2) * np.array([np.cos(angle), np.sin(angle)])
        poses = scene.draw_poses(rng, start, float(np.exp(rng.normal(0, 0.3))), 0.2, self._frames)
        return scene.Layer(cutout, poses, deformation=self._draw_deformation(rng))

    def _occluder(self, target: list[scene.Matrix], pixels: float, rng: np.random.Generator) -> scene.Layer:
        """An object that passes over the target in a later frame."""
        when = int(rng.integers(1, self._frames))
        offset = rng.uniform(-0.6, 0.6, 2) * scene.scale_of(target[when])
        poses = scene.draw_poses(rng, np.zeros(2), float(rng.uniform(0.4, 1.0)), 0.4, self._frames)
        shift = scene.shift_by(scene.position(target[when]) + offset - scene.position(poses[when]))
        cutout = self._pool.any_cutout(pixels, rng)
        return scene.Layer(cutout, [shift @ pose for pose in poses], hidden=(0,), smeared=rng.random() < 0.3)

    def _draw_factor(self, rng: np.random.Generator) -> float:
        return float(rng.uniform(*self.config.search_factor))

    def _draw_deformation(self, rng: np.random.Generator) -> float:
        return float(rng.uniform(0.01, 0.06)) if rng.random() < self.config.deformed else 0.0


def _moves(views: list[scene.View]) -> NDArray[np.float32]:
    """(T, 3, 3) from patch pixels of each frame to those of the one before it; the first is the identity."""
    earlier = [views[0], *views[:-1]]
    matrices = [old.matrix @ np.linalg.inv(view.matrix) for old, view in zip(earlier, views, strict=True)]
    return np.stack(matrices).astype(np.float32)


def _target_share(mask: NDArray[np.uint8] | None, matrix: scene.Matrix, size: int) -> NDArray[np.float32]:
    """How much of each patch pixel belongs to a target that is part of the ground (size, size); 0 without a mask."""
    if mask is None:
        return np.zeros((size, size), np.float32)
    drawn = scene.warp(mask * 255, matrix, size, cv2.BORDER_CONSTANT)
    return np.divide(drawn, 255, dtype=np.float32)
