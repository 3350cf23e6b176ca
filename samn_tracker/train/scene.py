"""Scenes in motion: layers (background, target, distractors, occluders) that move independently, drawn into windows.

World coordinates have the target's first box centre at the origin and its size, √(w·h), as the unit.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.train.objects import Cutout
from samn_tracker.train.photometry import smear

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """A square of the world, `side` units wide around `centre`, drawn as size x size pixels."""

    centre: NDArray[np.float64]
    side: float
    size: int

    @property
    def matrix(self) -> Matrix:
        """3x3, world to continuous patch pixels."""
        scale = self.size / self.side
        return similarity(scale) @ shift_by(self.side / 2 - self.centre)


@dataclass(frozen=True)
class Layer:
    """Something that moves over the scene.

    Attributes:
        cutout: what it looks like.
        poses: one 3x3 matrix a frame, from the cut-out's unit frame (centre 0, size 1) to the world.
        is_target: whether it is the target; otherwise it hides what lies under it.
        smeared: whether motion blurs it.
        deformation: strength of the random deformation of each later frame, in units of its size; 0 is rigid.
        hidden: frames in which it is not drawn.
    """

    cutout: Cutout
    poses: list[Matrix]
    is_target: bool = False
    smeared: bool = False
    deformation: float = 0.0
    hidden: tuple[int, ...] = ()


def similarity(scale: float, angle: float = 0.0) -> Matrix:
    """Scaling and rotation (radians) about the origin."""
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def shift_by(offset: NDArray[np.float64]) -> Matrix:
    """Translation by x, y."""
    return np.array([[1, 0, offset[0]], [0, 1, offset[1]], [0, 0, 1]])


def draw_poses(
    rng: np.random.Generator,
    start: NDArray[np.float64],
    scale: float,
    speed: float,
    frames: int,
    upright: bool = False,
) -> list[Matrix]:
    """A smooth random motion: position, scale, rotation, shear and perspective drift from frame to frame.

    `start` is the first centre, `scale` the first size and `speed` the usual step, all in world units; `upright` keeps
    the first rotation small.
    """
    velocity = rng.normal(0, speed, 2)
    spin, growth = rng.normal(0, 0.12), rng.normal(0, 0.08)
    centre, angle, log_scale = start.astype(float), 0.0, float(np.log(scale))
    shear, tilt = rng.normal(0, 0.05, 2), np.zeros(2)
    flip = np.diag([rng.choice([-1.0, 1.0]), 1, 1])
    base_angle = rng.normal(0, 0.15) if upright or rng.random() < 0.7 else rng.uniform(-np.pi, np.pi)
    stretch = np.diag([np.exp(rng.normal(0, 0.1)), 1, 1])
    poses = []
    for _ in range(frames):
        skew = np.array([[1, shear[0], 0], [shear[1], 1, 0], [tilt[0], tilt[1], 1]])
        pose = shift_by(centre) @ similarity(np.exp(log_scale), base_angle + angle) @ skew @ stretch @ flip
        poses.append(pose)
        velocity = velocity + rng.normal(0, 0.4 * speed, 2)
        centre = centre + velocity
        angle += spin + rng.normal(0, 0.06)
        log_scale += growth + rng.normal(0, 0.05)
        shear = shear + rng.normal(0, 0.03, 2)
        tilt = tilt + rng.normal(0, 0.06, 2)
    return poses


def position(pose: Matrix) -> NDArray[np.float64]:
    """Where a pose puts the cut-out's centre in the world (2,)."""
    return pose[:2, 2] / pose[2, 2]


def scale_of(pose: Matrix) -> float:
    """The size a pose gives to a cut-out of size 1."""
    return float(np.sqrt(abs(np.linalg.det(pose[:2, :2]))))


def unit_frame(centre: NDArray[np.float64], size: float) -> Matrix:
    """Continuous pixels to the frame in which the object has centre 0 and size 1."""
    return similarity(1 / size) @ shift_by(-centre)


def warp(pixels: NDArray[np.uint8], matrix: Matrix, size: int, border: int) -> NDArray[np.uint8]:
    """Draw `pixels` into a size x size patch; `matrix` maps continuous source pixels to patch pixels."""
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
    indices = np.linalg.inv(half) @ matrix @ half
    return cv2.warpPerspective(pixels, indices, (size, size), flags=cv2.INTER_LINEAR, borderMode=border)  # type: ignore


def deform(pixels: NDArray[np.uint8], amount: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Bend pixels (h, w, C) by a smooth random displacement of about `amount` pixels."""
    height, width = pixels.shape[:2]
    coarse = rng.normal(0, amount, (4, 4, 2)).astype(np.float32)
    field = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return cv2.remap(pixels, x + field[..., 0], y + field[..., 1], cv2.INTER_LINEAR)  # type: ignore[return-value]


def draw_layer(
    layer: Layer, frame: int, view: View, softness: float, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Colour (S, S, 3) and opacity (S, S, 1) in 0..1 of a layer in one frame, edges blurred by `softness` pixels."""
    cutout = layer.cutout
    pixels = cutout.pixels
    if layer.deformation and frame:
        pixels = deform(pixels, layer.deformation * cutout.size, rng)
    local = unit_frame(cutout.centre, cutout.size)
    drawn = warp(pixels, view.matrix @ layer.poses[frame] @ local, view.size, cv2.BORDER_CONSTANT)
    if layer.smeared and frame:
        step = position(layer.poses[frame]) - position(layer.poses[frame - 1])
        drawn = smear(drawn, 0.5 * step * view.size / view.side)
    opacity = cv2.GaussianBlur(np.ascontiguousarray(drawn[..., 3]), (0, 0), softness).astype(np.float32) / 255
    return drawn[..., :3].astype(np.float32), opacity[..., None]


def compose(
    base: NDArray[np.uint8],
    target: NDArray[np.float32],
    layers: list[Layer],
    frame: int,
    view: View,
    softness: float,
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Lay the layers, bottom first, over a background patch.

    Args:
        base: (S, S, 3) uint8, the background.
        target: (S, S) float32, how much of each background pixel belongs to the target (0 where it is a layer).

    Returns:
        The patch (S, S, 3) uint8, the mask (S, S) uint8 of the target's visible pixels, and that of other layers'.
    """
    picture, visible = base.astype(np.float32), target[..., None]
    others = np.zeros_like(visible)
    for layer in layers:
        if frame in layer.hidden:
            continue
        colour, opacity = draw_layer(layer, frame, view, softness, rng)
        picture += (colour - picture) * opacity
        visible = visible * (1 - opacity) + (opacity if layer.is_target else 0)
        others = others * (1 - opacity) + (0 if layer.is_target else opacity)
    masks = [(share[..., 0] > 0.5).astype(np.uint8) for share in (visible, others)]
    return np.clip(picture, 0, 255).astype(np.uint8), masks[0], masks[1]
