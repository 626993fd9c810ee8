"""Torn files: a seeded sample of the images, and that an image which lost a row is found out."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from tests.chaos.torn import KINDS, OLD, PAGE, TRUNCATED, ZEROS, Step, chosen, run, steps, try_images
from tests.chaos.torn_stores import STORES

SEED = 20


@pytest.fixture(scope="module", params=sorted(STORES))
def made(request: pytest.FixtureRequest) -> list[Step]:
    return steps(STORES[request.param], SEED)


def test_a_sample_of_all_images_loses_and_invents_nothing() -> None:
    tally = run(1500, SEED)
    assert tally.wrong == []
    assert sum(tally.images.values()) == 1500
    assert len(tally.images) == 14  # seven kinds of work in two stores


def test_the_first_page_spoilt_in_a_checkpoint_is_read_from_the_wal(made: list[Step]) -> None:
    for step in (one for one in made if one.file == "db"):
        tally = try_images(step, range(0, 100, 3), KINDS[1:], SEED)
        assert tally.wrong == []


def test_the_work_covers_what_it_says(made: list[Step]) -> None:
    by_name = {step.name: step for step in made}
    appended, anew = by_name["commit appended to the WAL"], by_name["commit that begins the WAL anew"]
    assert len(appended.after[1]) > len(appended.before[1])
    assert appended.after[1].startswith(appended.before[1])
    assert len(anew.after[1]) == len(anew.before[1])  # over old bytes
    assert anew.places[0] < 32  # from the header on
    for step in (one for one in made if one.file == "db"):
        assert step.before[1] == step.after[1]
        assert step.before[0] != step.after[0]
        assert len(step.places) % PAGE == 0
        assert step.acked == len(step.rows)
    unsynced, then = by_name["marks, not synced"], by_name["marks and a commit after them"]
    assert unsynced.before == then.before  # nothing was synced between
    assert then.places[0] == unsynced.places[0]


def test_an_image_is_new_up_to_its_place_and_old_behind_what_was_written(made: list[Step]) -> None:
    for step in made:
        number = 1 if step.file == "wal" else 0
        old, new = step.before[number], step.after[number]
        for place in step.places[:: max(1, len(step.places) // 20)]:
            for kind in KINDS[1:]:
                image = step.image(place, kind, Random(1))[number]
                assert image[:place] == new[:place]
                assert step.image(place, kind, Random(1))[1 - number] == step.after[1 - number]
            assert step.image(place, OLD, Random(1))[number][place:] == old[place:] or step.file == "db"
            assert step.image(place, ZEROS, Random(1))[number][place] == 0
        last = step.places_end - 1
        assert step.image(last, OLD, Random(1))[number][:last] == new[:last]


def test_a_promise_that_was_not_kept_is_found(made: list[Step]) -> None:
    """As if the last commit had returned before its sync: some image loses it."""
    step = next(step for step in made if step.name == "commit appended to the WAL")
    hasty = replace(step, acked=step.acked + 1)
    tally = try_images(hasty, step.places[::500], [TRUNCATED], SEED)
    assert tally.wrong
    assert "had been promised" in tally.wrong[0]


def test_a_row_that_nobody_committed_is_found(made: list[Step]) -> None:
    step = next(step for step in made if step.name == "commit appended to the WAL")
    fewer = replace(step, rows=step.rows[:-3], acked=1)
    tally = try_images(fewer, step.places[:1], [OLD], SEED)
    assert tally.wrong
    assert "never committed" in tally.wrong[0]


def test_a_file_beyond_repair_is_found(made: list[Step]) -> None:
    step = next(step for step in made if step.name == "checkpoint")
    spoilt = replace(step, before=(b"no database" * 1000, b""), after=(b"still none!" * 1000, b""))
    tally = try_images(spoilt, [0], [ZEROS], SEED)
    assert tally.wrong


def test_with_enough_images_every_byte_is_tried_in_every_way(made: list[Step]) -> None:
    few = [replace(step) for step in made[:2]]
    every = sum(len(places) * len(kinds) for _step, places, kinds in chosen(few, 10**9, SEED))
    appended = sum(len(step.places) for step in few)
    assert every == appended * len(KINDS)  # both only append, so that all four ways make sense
