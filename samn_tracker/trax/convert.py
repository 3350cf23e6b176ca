"""TraX images and regions, and what stands for them here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import RegionError
from samn_tracker.images import ImageReader
from samn_tracker.prediction import Prediction
from samn_tracker.shapes import regions

MAXIMUM_RUNS = 60_000  # the VOT toolkit stores the number of runs in 16 bits, and splits runs longer than 65,025


def from_trax_image(images: Mapping[str, Any], pictures: ImageReader) -> NDArray[np.uint8]:
    """The request's colour image as (H, W, 3) uint8 RGB; one `pictures` from one initialisation to the next.

    Raises:
        ImageError: unreadable, or of an unknown kind.
    """
    image = images["color"]
    if image.type() == "path":
        return pictures.read(image.path())
    if image.type() == "memory":
        return pictures.convert(image.array())
    return pictures.decode(image.buffer(), "the image buffer")


def from_trax_region(region: Any, image_shape: tuple[int, ...]) -> tuple[str, NDArray[Any]]:
    """The kind of a TraX region, and the target: (4,) box, (4, 2) polygon, or (H, W) mask at the image's size.

    Coordinates stay as they are: neither TraX nor the VOT toolkit converts them. A polygon of other than 4 corners
    becomes a mask.
    """
    kind = region.type
    target: NDArray[Any]
    if kind == "rectangle":
        target = np.array(region.bounds(), dtype=np.float64)
    elif kind == "polygon":
        target = np.array(list(region), dtype=np.float64)
    elif kind == "mask":
        target = regions.place_mask(region.array(), region.offset(), image_shape)
    else:
        raise RegionError(f"the initial region is of kind '{kind}'; send a rectangle, a polygon or a mask")
    target = regions.as_target(target, image_shape)
    if kind == "polygon" and len(target) != 4:
        target = regions.polygon_to_mask(target, image_shape)
    return kind, target


def to_trax_region(prediction: Prediction, kind: str, image_shape: tuple[int, ...]) -> Any:
    """The prediction as a TraX rectangle, polygon or mask; made from what the tracker has where it lacks that kind."""
    import trax

    if kind == "rectangle":
        return trax.Rectangle.create(*(float(value) for value in prediction.box))
    polygon = prediction.polygon if prediction.polygon is not None else regions.box_to_polygon(prediction.box)
    if kind == "polygon":
        return trax.Polygon.create([(float(x), float(y)) for x, y in polygon])
    mask = prediction.mask if prediction.mask is not None else regions.polygon_to_mask(polygon, image_shape)
    return mask_to_trax(mask != 0)


def mask_to_trax(mask: NDArray[np.bool_]) -> Any:
    """A mask (H, W) as a TraX mask of few enough runs."""
    import trax

    return trax.Mask.create(limit_runs(np.ascontiguousarray(mask).view(np.uint8)))


def limit_runs(mask: NDArray[np.uint8], maximum: int = MAXIMUM_RUNS) -> NDArray[np.uint8]:
    """The (H, W) mask of 0 and 1, opened by growing squares until it has at most `maximum` runs.

    A mask of fewer runs comes back as it is. Opening by k x k leaves at most about 2 H W / (k + 1) runs, so this ends.
    """
    size, result = 1, mask
    while len(regions.rle_encode(result)) > maximum:
        size += 2
        result = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((size, size), np.uint8))  # type: ignore[assignment]
    return result
