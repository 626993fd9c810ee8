"""Which hints the teachers give: the sizes and names that network and lessons share."""

from __future__ import annotations

from collections.abc import Mapping

COMPONENTS = 64
#: AudioSet's names of what is near our classes; a teacher's hint for a group is its highest score in it.
NEAR: Mapping[str, tuple[str, ...]] = {
    "shout": ("Shout", "Bellow", "Yell"),
    "scream": ("Screaming",),
    "glass_break": ("Glass", "Shatter"),
    "gunshot": ("Gunshot, gunfire", "Machine gun", "Fusillade", "Explosion"),
    "speech": ("Speech", "Male speech, man speaking", "Female speech, woman speaking", "Conversation"),
    "laughter": ("Laughter", "Giggle", "Belly laugh"),
    "cheer_crowd": ("Cheering", "Crowd", "Applause"),
    "children": ("Children playing", "Children shouting", "Child speech, kid speaking"),
    "singing": ("Singing", "Chant", "Choir"),
    "music": ("Music",),
    "baby_cry": ("Baby cry, infant cry", "Crying, sobbing"),
    "cough": ("Cough", "Sneeze"),
    "dog_bark": ("Dog", "Bark"),
    "bird": ("Bird",),
    "siren": ("Siren", "Alarm"),
    "horn": ("Vehicle horn, car horn, honking", "Toot"),
    "vehicle": ("Vehicle", "Engine", "Train"),
    "construction": ("Hammer", "Jackhammer", "Drill", "Power tool", "Sawing"),
    "impact": ("Door", "Slam", "Knock", "Thump, thud", "Smash, crash", "Breaking"),
    "fireworks_thunder": ("Fireworks", "Firecracker", "Thunder"),
    "bell_phone": ("Bell", "Telephone"),
    "wind_rain": ("Wind", "Rain"),
}
