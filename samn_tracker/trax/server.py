"""TraX server: any tracker of the contract, driven by the VOT toolkit or another TraX client (`samn-trax`).

Regions come and go as rectangle, polygon or mask; images as path, memory or buffer. One process serves many
initialisations, with the weights loaded once, before the client is greeted.

The options are those of `samn_tracker.trax.options`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import traceback
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import EnvironmentProblemError, RegionError, SamnError, TrackerStateError
from samn_tracker.images import ImageReader
from samn_tracker.prediction import Prediction, TrackerProtocol
from samn_tracker.runner.trackers import create_tracker
from samn_tracker.shapes import regions
from samn_tracker.trax.connection import Connection
from samn_tracker.trax.options import Options, settings_text
from samn_tracker.trax.stream_guard import StreamGuard

MAXIMUM_RUNS = 60_000  # the VOT toolkit stores the number of runs in 16 bits, and splits runs longer than 65,025


class Session:
    """The state between two requests: the tracker, and the kind of region to answer with."""

    def __init__(self, options: Options) -> None:
        self._options = self._loaded = options
        self._tracker = _load(options)
        self._reply: str | None = None

    def initialize(self, image: NDArray[np.uint8], region: Any, properties: Mapping[str, str]) -> tuple[Any, float]:
        """Start on a TraX region; the TraX region and confidence to answer with."""
        options = self._options.updated(properties, prefix="samn_")
        if replace(options, reply=self._loaded.reply) != self._loaded:
            self._tracker, self._loaded = _load(options), options
        kind, target = from_trax_region(region, image.shape)
        self._reply = kind if options.reply == "init" else options.reply
        return self._answer(self._tracker.initialize(image, target), image.shape)

    def track(self, image: NDArray[np.uint8]) -> tuple[Any, float]:
        """Go to the next frame; the TraX region and confidence to answer with."""
        if self._reply is None:
            raise TrackerStateError("a frame came before the first initialize; send initialize with a region first")
        return self._answer(self._tracker.track(image), image.shape)

    def _answer(self, prediction: Prediction, image_shape: tuple[int, ...]) -> tuple[Any, float]:
        assert self._reply is not None
        return to_trax_region(prediction, self._reply, image_shape), float(prediction.confidence)


def _load(options: Options) -> TrackerProtocol:
    return create_tracker(options.tracker, device=options.device, overrides=options.overrides)


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
    return trax.Mask.create(limit_runs(np.ascontiguousarray(mask != 0).view(np.uint8)))


def limit_runs(mask: NDArray[np.uint8], maximum: int = MAXIMUM_RUNS) -> NDArray[np.uint8]:
    """The (H, W) mask of 0 and 1, opened by growing squares until it has at most `maximum` runs.

    A mask of fewer runs comes back as it is. Opening by k x k leaves at most about 2 H W / (k + 1) runs, so this ends.
    """
    size, result = 1, mask
    while len(regions.rle_encode(result)) > maximum:
        size += 2
        result = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((size, size), np.uint8))  # type: ignore[assignment]
    return result


def serve(server: Connection, session: Session, guard: StreamGuard) -> None:
    """Answer requests until the client quits."""
    pictures = ImageReader()
    while True:
        request = server.wait()
        if request.type == "initialize":
            if len(request.objects) != 1:
                raise RegionError(f"the client sent {len(request.objects)} targets; this server follows exactly one")
            pictures = ImageReader()
            region, confidence = session.initialize(
                from_trax_image(request.image, pictures), request.objects[0][0], request.properties.dict()
            )
        elif request.type == "frame":
            region, confidence = session.track(from_trax_image(request.image, pictures))
        else:
            return
        guard.forward()
        server.status([(region, {"confidence": f"{confidence:.6f}"})])


def check_trax() -> None:
    """Raise EnvironmentProblemError unless the TraX bindings can be imported."""
    try:
        import trax
    except (ImportError, OSError) as error:
        raise EnvironmentProblemError(f"the TraX bindings do not load ({error}); pip install vot-trax==4.0.2") from None
    if not hasattr(trax, "TraxStatus"):
        raise EnvironmentProblemError(
            "the installed package 'trax' is a deep-learning library; pip uninstall trax, then "
            "pip install --force-reinstall vot-trax==4.0.2"
        )


def run(options: Options) -> int:
    """Load the tracker, serve one client on the standard streams; 0, or 1 after an error that the client was told."""
    check_trax()
    with StreamGuard() as guard:
        failure: Exception | None = None
        try:
            session = Session(options)
        except Exception as error:
            failure = error
        guard.forward()
        server = Connection(guard, options.tracker)
        try:
            if failure is not None:
                with contextlib.suppress(SamnError):
                    server.wait()
                raise failure
            serve(server, session, guard)
        except Exception as error:
            if not isinstance(error, SamnError):
                traceback.print_exc()
            reason = " ".join(f"{error or type(error).__name__}".split())
            print(f"samn-trax: error: {reason}", file=sys.stderr)
            guard.forward()
            server.quit(reason)
            return 1
    return 0


def main(argv: list[str] | None = None) -> int:
    """Command line of `samn-trax`."""
    parser = argparse.ArgumentParser(
        prog="samn-trax", description="Serve a tracker over TraX (started by a TraX client)."
    )
    parser.add_argument("--tracker", help="samn-lite, opencv-mil, package.module:factory, ... (default: samn-lite)")
    parser.add_argument("--device", help="auto, cpu or cuda (default: auto)")
    parser.add_argument("--reply", help="rectangle, polygon, mask, or init: as the initial region (default)")
    parser.add_argument("--preset", help="published, paper or another preset instead of the weights file's own rules")
    parser.add_argument(
        "--set", type=settings_text, help="tracker settings, for instance appearance.interval=10,dynamic.weighting=none"
    )
    given = {name: value for name, value in vars(parser.parse_args(argv)).items() if value is not None}
    try:
        return run(replace(Options().updated(os.environ, prefix="SAMN_"), **given))
    except SamnError as error:
        print(f"samn-trax: error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
