"""Who plays in a sequence and how they move: scenes for each kind, drawn by lot from a seed.

Lengths are in pixels of a 320 x 240 frame and scaled to the frame asked for.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from samn_tracker.synthetic.scene import Light, Scene
from samn_tracker.synthetic.sprites import Motion, Sprite, Wave
from samn_tracker.synthetic.textures import TextureSource, ground_texture, object_texture

_SPEED = 5.0  # pixels a frame at the fastest point of a target's way
_CAMERA_REACH = 10.0
_SAME_COLOURS = 15  # textures so far apart have the same colours, or are of the same photograph


@dataclass(frozen=True)
class _Stage:
    """What every cast draws from: the lot, the frame, the textures already in use."""

    lot: np.random.Generator
    size: tuple[int, int]
    textures: TextureSource
    ground: int
    figure: int

    @property
    def unit(self) -> float:
        """Frame pixels per pixel of a 320 x 240 frame."""
        return min(self.size[0] / 320, self.size[1] / 240)

    def way(self, half_size: tuple[float, float], phase: float | None = None) -> Motion:
        """Smooth swings that keep an object of this half size in view, fastest at `_SPEED`; both axes start at `phase`.

        Without a phase both are drawn by lot.
        """
        reach = [side / 2 - 1.25 * max(half_size) - _CAMERA_REACH * self.unit for side in self.size]
        speed = _SPEED * self.unit
        phases = self.lot.uniform(0, 2 * math.pi, 2) if phase is None else (phase, phase + math.pi / 2)
        return Motion(
            x=Wave(self.size[0] / 2, reach[0], speed / reach[0], float(phases[0])),
            y=Wave(self.size[1] / 2, 0.8 * reach[1], 0.5 * speed / reach[1], float(phases[1])),
            angle=Wave(amplitude=0.12, frequency=0.09, phase=float(self.lot.uniform(0, 6))),
        )

    def object(self, figure: int, motion: Motion | None = None, grow: float = 1.0) -> Sprite:
        """An object of a natural size, an irregular outline and texture number `figure`."""
        width, height = (float(value) * grow * self.unit for value in self.lot.uniform((32, 25), (40, 30)))
        bulges = tuple(
            (count, float(self.lot.uniform(0.02, 0.05)), float(self.lot.uniform(0, 2 * math.pi))) for count in (2, 3, 5)
        )
        texture = object_texture(self.textures, figure, (round(2.6 * width), round(2.6 * height)))
        way = self.way((width, height)) if motion is None else motion
        return Sprite((width, height), float(self.lot.uniform(2.2, 3.5)), bulges, texture, way)

    def pillar(self, half_width: float) -> Sprite:
        """A post in the middle of the scene, higher than the frame."""
        height = 0.75 * self.size[1]
        texture = ground_texture(self.textures, self.ground + 1, (max(8, round(2.6 * half_width)), round(2.6 * height)))
        middle = Motion(x=Wave(self.size[0] / 2), y=Wave(self.size[1] / 2))
        return Sprite((half_width, height), 20.0, (), texture, middle)

    def scene(self, *sprites: Sprite, light: Light | None = None, seed: int) -> Scene:
        """The sprites, from back to front, over the ground and under a slowly swinging camera."""
        margin = math.ceil(_CAMERA_REACH * self.unit) + 1
        reach = _CAMERA_REACH * self.unit
        phases = self.lot.uniform(0, 2 * math.pi, 2)
        ground = ground_texture(self.textures, self.ground, (self.size[0] + 2 * margin, self.size[1] + 2 * margin))
        camera = (Wave(0, reach, 0.07, float(phases[0])), Wave(0, 0.6 * reach, 0.05, float(phases[1])))
        return Scene(self.size, ground, margin, sprites, camera, light or Light(), seed)


def _changed(sprite: Sprite, **waves: Wave) -> Sprite:
    return replace(sprite, motion=replace(sprite.motion, **waves))


def _moving(stage: _Stage) -> list[Sprite]:
    return [stage.object(stage.figure)]


def _rotating(stage: _Stage) -> list[Sprite]:
    return [_changed(stage.object(stage.figure), angle=Wave(drift=math.radians(2.5)))]


def _scaling(stage: _Stage) -> list[Sprite]:
    target = stage.object(stage.figure, grow=0.9)
    return [_changed(target, log2_scale=Wave(0, 0.55, 0.085, math.pi))]


def _deforming(stage: _Stage) -> list[Sprite]:
    target = stage.object(stage.figure)
    return [_changed(target, swell=Wave(1.5, 2.5, 0.1), log2_stretch=Wave(0, 0.5, 0.07))]


def _passing(stage: _Stage) -> Sprite:
    """A small target that swings from one side of the frame to the other, from rest."""
    target = stage.object(stage.figure, grow=0.85)
    way = stage.way(target.half_size, phase=math.pi / 2)
    return replace(target, motion=replace(way, y=replace(way.y, amplitude=way.y.amplitude / 3)))


def _partial_occlusion(stage: _Stage) -> list[Sprite]:
    target = _passing(stage)
    return [target, stage.pillar(0.3 * target.half_size[0])]


def _full_occlusion(stage: _Stage) -> list[Sprite]:
    target = _passing(stage)
    return [target, stage.pillar(1.4 * target.half_size[0])]


def _out_of_view(stage: _Stage) -> list[Sprite]:
    target = stage.object(stage.figure)
    reach = stage.size[0] / 2 + 1.3 * target.half_size[0]
    return [_changed(target, x=Wave(stage.size[0] / 2, reach, 6 * stage.unit / reach, 0.55))]


def _distractors(stage: _Stage) -> list[Sprite]:
    target = stage.object(stage.figure)
    others = [
        replace(target, motion=stage.way(target.half_size, phase=phase)) for phase in (2 * math.pi / 3, 4 * math.pi / 3)
    ]
    return [*others, replace(target, motion=stage.way(target.half_size, phase=0.0))]


def _camouflage(stage: _Stage) -> list[Sprite]:
    """The target passes over something larger of its own colours."""
    target = _passing(stage)
    still = Motion(x=Wave(stage.size[0] / 2), y=Wave(stage.size[1] / 2))
    return [stage.object(stage.figure + _SAME_COLOURS, still, grow=1.8), target]


def _decoy(stage: _Stage) -> list[Sprite]:
    """The target leaves the frame and comes back, while something of its colours stays in view."""
    (target,) = _out_of_view(stage)
    other = Motion(x=Wave(0.75 * stage.size[0]), y=Wave(0.5 * stage.size[1], 8 * stage.unit, 0.1))
    return [stage.object(stage.figure + _SAME_COLOURS, other), target]


_CASTS: dict[str, tuple[Callable[[_Stage], list[Sprite]], int]] = {
    "moving": (_moving, 0),
    "rotating": (_rotating, 0),
    "scaling": (_scaling, 0),
    "deforming": (_deforming, 0),
    "partial_occlusion": (_partial_occlusion, 0),
    "full_occlusion": (_full_occlusion, 0),
    "out_of_view": (_out_of_view, 0),
    "distractors": (_distractors, 2),
    "illumination": (_moving, 0),
    "camouflage": (_camouflage, 1),
    "decoy": (_decoy, 1),
}
"""For each kind who plays, from back to front, and which of them is the target."""

KINDS = tuple(_CASTS)
_CHANGING_LIGHT = Light(gain=Wave(0.85, 0.4, 0.11), slope=Wave(0, 0.8, 0.06))


def cast_single_object(kind: str, seed: int, size: tuple[int, int], textures: TextureSource) -> tuple[Scene, int]:
    """The scene of a kind, and the index of its target among the sprites."""
    stage = _stage(kind, seed, size, textures)
    cast, target = _CASTS[kind]
    light = _CHANGING_LIGHT if kind == "illumination" else None
    return stage.scene(*cast(stage), light=light, seed=seed), target


def cast_multi_object(seed: int, size: tuple[int, int], objects: int, textures: TextureSource) -> Scene:
    """A scene of several targets that start on alternate sides, in rows, and pass one another in the middle."""
    stage = _stage("objects", seed, size, textures)
    return stage.scene(*(_passer(stage, index, objects) for index in range(objects)), seed=seed)


def _passer(stage: _Stage, index: int, objects: int) -> Sprite:
    sprite = stage.object(stage.figure + index, grow=0.9 * min(1.0, 3 / objects))
    way = stage.way(sprite.half_size, phase=math.pi / 2 if index % 2 else -math.pi / 2)
    row = 0.5 + 0.5 * ((index + 1) / (objects + 1) - 0.5)
    return _changed(replace(sprite, motion=way), y=replace(way.y, mean=row * stage.size[1], amplitude=6 * stage.unit))


def _stage(name: str, seed: int, size: tuple[int, int], textures: TextureSource) -> _Stage:
    lot = np.random.default_rng([seed, zlib.crc32(name.encode())])
    ground, figure = (int(value) for value in lot.integers(0, 1000, 2))
    return _Stage(lot, size, textures, ground, figure)
