"""What counts as what: from the manifest's labels to the model's outputs.

A label is a kind of sound. `shout` is a voice of high vocal effort, whatever its reason; nothing here
tells one feeling from another. Loud speech that was not labelled a shout is neither positive nor negative.
"""

from __future__ import annotations

from training.manifest import Clip

POSITIVES = ("shout", "scream", "glass_break", "gunshot")

NEGATIVES = (
    "speech",
    "laughter",
    "cheer_crowd",
    "children",
    "singing",
    "music",
    "baby_cry",
    "cough",
    "dog_bark",
    "bird",
    "siren",
    "horn",
    "vehicle",
    "construction",
    "impact",
    "fireworks_thunder",
    "bell_phone",
    "wind_rain",
    "ambience",
)

#: The model's outputs, in order.
LABELS = POSITIVES + NEGATIVES

#: A clip of no named class: nothing of it is any of the outputs.
OTHER = "other"

_NEGATIVE_OF = {
    "speech": "speech",
    "happy_speech": "speech",
    "laughter": "laughter",
    "cheer_crowd": "cheer_crowd",
    "applause": "cheer_crowd",
    "children": "children",
    "singing": "singing",
    "music": "music",
    "baby_cry": "baby_cry",
    "cough": "cough",
    "dog_bark": "dog_bark",
    "bird": "bird",
    "siren": "siren",
    "car_alarm": "siren",
    "car_horn": "horn",
    "engine_traffic": "vehicle",
    "train": "vehicle",
    "construction": "construction",
    "door_slam": "impact",
    "footsteps": "impact",
    "fireworks": "fireworks_thunder",
    "thunder": "fireworks_thunder",
    "bell": "bell_phone",
    "phone": "bell_phone",
    "wind": "wind_rain",
    "rain": "wind_rain",
    "ambience": "ambience",
    "other": OTHER,
}

_VOICED_NEGATIVES = frozenset({"speech", "happy_speech"})


def target_of(clip: Clip) -> str | None:
    """The clip's output label, `OTHER`, or None when it counts neither as positive nor as negative."""
    if clip.label_conf == "suspect":
        return None
    if clip.label in ("shout", "angry_speech"):
        return "shout" if clip.effort == "high" else None
    if clip.label == "scream":
        return None if clip.effort == "low" else "scream"
    if clip.label in ("gunshot", "explosion"):
        return "gunshot"
    if clip.label == "glass_break":
        return "glass_break"
    if clip.label in _VOICED_NEGATIVES and clip.effort == "high":
        return None
    return _NEGATIVE_OF.get(clip.label)
