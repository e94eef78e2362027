from __future__ import annotations

import os
import random
import re
import uuid

import pytest

from runlog import names


@pytest.mark.parametrize("words", [names.ADJECTIVES, names.NOUNS])
def test_words_are_many_plain_and_distinct(words):
    assert len(words) >= 100
    assert len(set(words)) == len(words)
    assert all(re.fullmatch("[a-z]{2,10}", word) for word in words)


def test_a_name_is_an_adjective_a_noun_and_a_number():
    for _ in range(200):
        adjective, noun, number = names.generate().split("-")
        assert adjective in names.ADJECTIVES
        assert noun in names.NOUNS
        assert 0 <= int(number) < 1000


def test_every_word_is_used():
    made = [names.generate().split("-") for _ in range(10_000)]
    assert {adjective for adjective, _, _ in made} == set(names.ADJECTIVES)
    assert {noun for _, noun, _ in made} == set(names.NOUNS)


@pytest.mark.parametrize("make", [names.generate, names.run_id])
def test_seeding_random_does_not_repeat_it(make):
    made = set()
    for _ in range(20):
        random.seed(0)
        made.add(make())
    assert len(made) > 15


def test_run_ids_are_version_4_uuids():
    ids = {names.run_id() for _ in range(1000)}
    assert len(ids) == 1000
    for each in ids:
        assert re.fullmatch("[0-9a-f]{32}", each)
        assert uuid.UUID(each).version == 4
        assert uuid.UUID(each).variant == uuid.RFC_4122


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_makes_other_ids():
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, names.run_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 32).decode() != names.run_id()
    os.close(reader)
    os.close(writer)
