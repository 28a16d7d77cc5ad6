"""Word one finding as many claims: which outcome went which way with one arm against another.

`TRAINING` words what the model learns from, `UNSEEN` what it is tested on: no test claim has a training wording.
"""

from __future__ import annotations

import random
from typing import NamedTuple

from .cues import FORMS

FLIP = {"up": "down", "down": "up", "same": "same", "nothing": "nothing"}


class Wordings(NamedTuple):
    """Sentences with slots: {a}, {b} arms, {o} outcome, and a form of `FORMS` for the direction.

    directed: with two arms; alike: for no difference; alone, unchanged: the same where only one arm is named.
    """

    directed: tuple[str, ...]
    alike: tuple[str, ...]
    alone: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()


TRAINING = Wordings(
    directed=(
        "{a} {past} {o} compared with {b}.",
        "{a} significantly {past} {o} compared to {b}.",
        "{a} {third} {o} compared with {b}.",
        "Compared with {b}, {a} {past} {o}.",
        "Compared to {b}, {a} resulted in a significant {noun} in {o}.",
        "{o} was {comparative} with {a} than with {b}.",
        "{o} was significantly {comparative} in the {a} group than in the {b} group.",
        "{o} were {comparative} after {a} than after {b}.",
        "{a} led to a significant {noun} in {o} relative to {b}.",
        "{a} resulted in {comparative} {o} than {b}.",
        "There was a {noun} in {o} with {a} versus {b}.",
        "Patients given {a} had {comparative} {o} than patients given {b}.",
        "Patients receiving {a} had significantly {comparative} {o} than those receiving {b}.",
        "{o} was {past} by {a} as compared with {b}.",
        "A significant {noun} in {o} was seen with {a} compared with {b}.",
        "{a} was associated with {comparative} {o} than {b}.",
        "{o} is {comparative} in patients given {a} than in patients given {b}.",
        "In patients given {a}, {o} significantly {past} compared with {b}.",
        "Relative to {b}, {a} {past} {o}.",
        "Giving {a} rather than {b} {past} {o}.",
        "{o} {moved} with {a} against {b}.",
        "With {a}, {o} was {comparative} than with {b}.",
        "{a} brought about a {noun} in {o} compared with {b}.",
        "Among people on {a}, {o} was {comparative} compared with those on {b}.",
        "{a} made {o} {comparative} than {b} did.",
        "We found {comparative} {o} with {a} than with {b}.",
        "{a} vs {b} significantly {past} {o}.",
        "There is evidence that {a} {third} {o} compared with {b}.",
        "Treatment with {a} {third} {o} more than {b}.",
        "{o} tended to {base} with {a} compared with {b}.",
        "{o} {moved} in the {a} group compared with the {b} group.",
    ),
    alike=(
        "There was no significant difference in {o} between {a} and {b}.",
        "{a} did not change {o} compared with {b}.",
        "{o} did not differ between {a} and {b}.",
        "{o} did not differ significantly between the {a} group and the {b} group.",
        "{a} had no effect on {o} compared with {b}.",
        "{a} and {b} had similar effects on {o}.",
        "{o} was similar with {a} and {b}.",
        "{a} had no significant effect on {o} relative to {b}.",
        "Compared with {b}, {a} did not affect {o}.",
        "{a} made no difference to {o} compared with {b}.",
        "No significant difference in {o} was found between {a} and {b}.",
        "{o} was unchanged with {a} compared with {b}.",
        "With {a}, {o} did not change compared with {b}.",
        "{a} was not different from {b} for {o}.",
    ),
    alone=(
        "{a} {past} {o}.",
        "{a} {third} {o}.",
        "{a} significantly {past} {o}.",
        "{o} was {past} by {a}.",
        "{a} is associated with {past} {o}.",
        "{a} leads to {comparative} {o}.",
        "Treatment with {a} {third} {o}.",
        "There is a {noun} in {o} with {a}.",
        "{o} is {comparative} with {a}.",
        "{a} causes a {noun} in {o}.",
    ),
    unchanged=(
        "{a} does not affect {o}.",
        "{a} has no effect on {o}.",
        "{o} is not changed by {a}.",
        "{a} did not change {o}.",
        "{a} is not associated with {o}.",
    ),
)
UNSEEN = Wordings(
    directed=(
        "Relative to {b}, treatment with {a} caused {o} to {base}.",
        "In those allocated to {a}, {o} was {comparative} than in those allocated to {b}.",
        "{a}, as opposed to {b}, {third} {o}.",
        "Use of {a} instead of {b} was followed by a {noun} in {o}.",
        "{a} versus {b}: {o} significantly {past}.",
        "When {a} was compared with {b}, {o} was found to be {comparative} with {a}.",
        "{a} produced a significantly {comparative} {o} in comparison with {b}.",
        "{a} can {base} {o} more than {b}.",
    ),
    alike=(
        "{a} and {b} were comparable in terms of {o}.",
        "No significant change in {o} was seen with {a} relative to {b}.",
        "As regards {o}, {a} was no different from {b}.",
        "Whether {a} or {b} was given, {o} remained the same.",
    ),
)


def fill(wording: str, direction: str, arms: tuple[str, str, str], rng: random.Random) -> str:
    """Put outcome and arms (outcome, a, b) and a word of that direction into a wording."""
    outcome, a, b = (" ".join(text.split()).strip(" .;,") for text in arms)
    words = {form: rng.choice(cells[direction == "down"].split()) for form, cells in FORMS.items()}
    text = wording.format(a=a, b=b, o=outcome, **words)
    for noun in ("increase", "elevation", "increment"):
        text = text.replace(f"a {noun}", f"an {noun}")
    return text[:1].upper() + text[1:]


def word(
    wordings: Wordings, direction: str, arms: tuple[str, str, str], rng: random.Random, *, swap: bool = False
) -> str:
    """Word a finding in one of the ways, or with the arms changed round, which turns the direction too."""
    outcome, a, b = arms
    if swap and b:
        outcome, a, b, direction = outcome, b, a, FLIP[direction]
    if b:
        chosen = wordings.alike if direction == "same" else wordings.directed
    else:
        chosen = wordings.unchanged if direction == "same" else wordings.alone
    return fill(rng.choice(chosen), direction, (outcome, a, b), rng)
