"""Faults in the story of a frame that tests once let pass, or could: each is made on purpose and has to be caught."""

from __future__ import annotations

from dataclasses import dataclass

DECIDE, DECISION = "samn_tracker.core.decide", "samn_tracker.core.decision"
LEARN, OBSERVE = "samn_tracker.core.learn", "samn_tracker.core.observe"


@dataclass(frozen=True)
class Fault:
    """A piece of a module's text, and what stands there if it is broken."""

    name: str
    module: str
    right: str
    wrong: str


FAULTS = (
    Fault(
        "the scale gate is off",
        DECIDE,
        "sure = observation.uncertainty < config.spatial.scale_uncertainty",
        "sure = True",
    ),
    Fault(
        "the extent is never updated",
        LEARN,
        "state.centre, state.size, state.extent = decision.centre, decision.size, decision.extent",
        "state.centre, state.size = decision.centre, decision.size",
    ),
    Fault("areas are never appended", LEARN, "state.areas.append(decision.pixels)", "pass"),
    Fault("confidence ignores the uncertainty", DECISION, " / max(1.0, uncertainty)", ""),
    Fault(
        "untrusted frames are memorised",
        DECISION,
        "keep = observation.trusted or not config.appearance.sample_filtering",
        "keep = True",
    ),
    Fault(
        "the patch is never cut again",
        OBSERVE,
        "if distance <= self._config.segmentation.recrop_distance * state.mean_side:",
        "if True:",
    ),
    Fault(
        "parts far away belong to the target",
        DECIDE,
        "parts_around(above, observation.place - np.array(corner), state.mean_side)",
        "parts_around(above, observation.place - np.array(corner), 1e9)",
    ),
    Fault(
        "output_uncertainty is ignored",
        DECIDE,
        "observation.uncertainty < config.spatial.output_uncertainty",
        "True",
    ),
    Fault("an untrusted peak is followed", OBSERVE, "not (search.trusted or follows_any_peak)", "False"),
    Fault(
        "a slipped filter is taught its own peak",
        DECISION,
        "search.localisation.centre_crop if taught is None else search.window.to_crop(taught)",
        "search.localisation.centre_crop",
    ),
    Fault(
        "whatever is found elsewhere is believed",
        DECIDE,
        "(not observation.elsewhere or is_believable(seen, state.areas))",
        "True",
    ),
    Fault("boxes do not follow the habit of the start", DECIDE, "state.habit.apply(seen.box(", "(seen.box("),
    Fault("a lost target is never looked for elsewhere", LEARN, "state.elsewhere = decision.elsewhere", "pass"),
    Fault("reads do not count for the relevance", LEARN, "state.bank.note_read(observation.read_bias)", "pass"),
    Fault("the frame count of the filter stands still", LEARN, "state.spatial.count_frame()", "pass"),
    Fault("a frame is memorised again and again", LEARN, "            state.pending = None", "            pass"),
)
