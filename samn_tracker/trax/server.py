"""TraX server: any tracker of the contract, driven by the VOT toolkit or another TraX client (`samn-trax`).

Regions come and go as rectangle, polygon or mask; images as path, memory or buffer. One process serves many
initialisations, with the weights loaded once, before the client is greeted. Of several objects see `several.py`.

The options are those of `samn_tracker.trax.options`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import EnvironmentProblemError, RegionError, SamnError, TrackerStateError
from samn_tracker.images import ImageReader
from samn_tracker.prediction import Prediction, TrackerProtocol
from samn_tracker.runner.trackers import create_tracker
from samn_tracker.trax.connection import Connection
from samn_tracker.trax.convert import from_trax_image, from_trax_region, to_trax_region
from samn_tracker.trax.options import Options, settings_text
from samn_tracker.trax.several import SeveralSession
from samn_tracker.trax.stream_guard import StreamGuard


class Session:
    """The state between two requests: the tracker, and the kind of region to answer with."""

    def __init__(self, options: Options) -> None:
        self._options = self._loaded = options
        self._tracker = _load(options)
        self._reply: str | None = None

    def initialize(
        self, image: NDArray[np.uint8], targets: Sequence[Any], properties: Mapping[str, str]
    ) -> list[tuple[Any, float]]:
        """Start on a TraX region; the TraX region and confidence to answer with.

        Raises:
            RegionError: there is not exactly one.
        """
        if len(targets) != 1:
            raise RegionError(
                f"the client sent {len(targets)} targets; this server follows exactly one: start it with "
                "SAMN_OBJECTS=several (--objects several)"
            )
        options = self._options.updated(properties, prefix="samn_")
        if replace(options, reply=self._loaded.reply) != self._loaded:
            self._tracker, self._loaded = _load(options), options
        kind, target = from_trax_region(targets[0], image.shape)
        self._reply = kind if options.reply == "init" else options.reply
        return self._answer(self._tracker.initialize(image, target), image.shape)

    def track(self, image: NDArray[np.uint8], targets: Sequence[Any] = ()) -> list[tuple[Any, float]]:
        """Go to the next frame; the TraX region and confidence to answer with.

        Raises:
            RegionError: another target begins in it.
        """
        if targets:
            raise RegionError("the client sent another target with a frame; this server follows exactly one")
        if self._reply is None:
            raise TrackerStateError("a frame came before the first initialize; send initialize with a region first")
        return self._answer(self._tracker.track(image), image.shape)

    def _answer(self, prediction: Prediction, image_shape: tuple[int, ...]) -> list[tuple[Any, float]]:
        assert self._reply is not None
        return [(to_trax_region(prediction, self._reply, image_shape), float(prediction.confidence))]


def _load(options: Options) -> TrackerProtocol:
    return create_tracker(options.tracker, device=options.device, overrides=options.overrides)


def serve(server: Connection, session: Session | SeveralSession, guard: StreamGuard) -> None:
    """Answer requests until the client quits."""
    pictures = ImageReader()
    while True:
        request = server.wait()
        if request.type == "initialize":
            pictures = ImageReader()
            targets = [region for region, _ in request.objects]
            answers = session.initialize(from_trax_image(request.image, pictures), targets, request.properties.dict())
        elif request.type == "frame":
            targets = [region for region, _ in request.objects or ()]
            answers = session.track(from_trax_image(request.image, pictures), targets)
        else:
            return
        guard.forward()
        server.status([(region, {"confidence": f"{confidence:.6f}"}) for region, confidence in answers])


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
            session = SeveralSession(options) if options.several else Session(options)
        except Exception as error:
            failure = error
        guard.forward()
        server = Connection(guard, options.tracker, options.several)
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
    parser.add_argument("--objects", help="one, or several as VOTS has them: a mask of each is answered (default: one)")
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
