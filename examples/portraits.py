"""Portraits of no one: drawn heads and shoulders, different for each number and the same each time."""

from __future__ import annotations

import io
from random import Random

from PIL import Image, ImageDraw

from certsvc.person.identity import Sex

WIDTH, HEIGHT = 295, 413  # one inch (25 mm × 35 mm) at 300 dots per inch
_SCALE = 2  # drawn larger and shrunk, for smooth edges
_QUALITY = 88

Colour = tuple[int, int, int]
Box = tuple[float, float, float, float]  # left, top, right, bottom
BACKGROUNDS: tuple[Colour, ...] = ((67, 142, 219), (67, 142, 219), (245, 247, 250))
SKINS: tuple[Colour, ...] = ((255, 224, 196), (246, 208, 177), (233, 190, 155), (214, 167, 130))
HAIR: tuple[Colour, ...] = ((33, 28, 28), (52, 40, 36), (74, 54, 44), (105, 105, 110))
CLOTHES: tuple[Colour, ...] = ((38, 50, 72), (92, 38, 44), (44, 84, 72), (86, 86, 96), (180, 92, 48), (60, 60, 110))
_WHITE: Colour = (255, 255, 255)
_LIPS: Colour = (190, 92, 84)


def draw_portrait(number: int, sex: Sex) -> bytes:
    """A JPEG of 295 × 413 pixels for person `number`."""
    random = Random(f"portrait {number}")  # noqa: S311 (a drawing, no secret)
    image = Image.new("RGB", (WIDTH * _SCALE, HEIGHT * _SCALE), random.choice(BACKGROUNDS))
    _Sketch(image, random, sex).draw()
    image = image.resize((WIDTH, HEIGHT), Image.Resampling.BOX)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


class _Sketch:
    """Coordinates are those of the finished picture, its middle at x = 0."""

    def __init__(self, image: Image.Image, random: Random, sex: Sex) -> None:
        self._pen = ImageDraw.Draw(image)
        self._random = random
        self._female = sex is Sex.FEMALE
        self._skin = random.choice(SKINS)
        self._hair = random.choice(HAIR)
        self._half_face = random.randrange(62, 74)
        self._chin = random.randrange(262, 276)

    def draw(self) -> None:
        long_hair = self._female and self._random.random() < 0.7
        if long_hair:
            self._ellipse(-self._half_face - 20, 80, self._half_face + 20, 330, self._hair)
        self._shoulders()
        self._head()
        self._fringe()
        self._features()

    def _shoulders(self) -> None:
        cloth = self._random.choice(CLOTHES)
        self._ellipse(-138, 308, 138, 560, cloth)
        self._polygon([(-40, 312), (0, 372), (40, 312)], _WHITE)
        self._box(-27, 240, 27, 318, _shade(self._skin, 0.9))
        self._polygon([(-27, 316), (0, 346), (27, 316)], _shade(self._skin, 0.9))
        if not self._female and self._random.random() < 0.5:
            self._polygon([(-8, 346), (8, 346), (13, 413), (-13, 413)], self._random.choice(CLOTHES))

    def _head(self) -> None:
        width = self._half_face
        self._chord((-width - 6, 76, width + 6, 244), (172, 368), self._hair)
        for side in (-1, 1):
            self._ellipse(side * width - 11, 175, side * width + 11, 217, _shade(self._skin, 0.94))
        self._ellipse(-width, 110, width, self._chin, self._skin)

    def _fringe(self) -> None:
        width = self._half_face - 2
        match self._random.randrange(4):
            case 0:
                self._chord((-width, 104, width, 214), (205, 318), self._hair)
            case 1:
                self._chord((-width, 104, width, 214), (222, 335), self._hair)
            case 2:
                self._chord((-width, 106, width, 226), (212, 328), self._hair)

    def _features(self) -> None:
        eye_x, eye_y = self._random.randrange(25, 31), self._random.randrange(178, 188)
        dark = _shade(self._hair, 0.7)
        for side in (-1, 1):
            x = side * eye_x
            self._ellipse(x - 11, eye_y - 6, x + 11, eye_y + 6, _WHITE)
            self._ellipse(x - 6, eye_y - 6, x + 6, eye_y + 6, dark)
            self._ellipse(x + 1, eye_y - 4, x + 4, eye_y - 1, _WHITE)
            self._arc((x - 15, eye_y - 22, x + 15, eye_y + 2), (210, 330), dark, 5)
        self._arc((-9, eye_y + 10, 9, eye_y + 38), (30, 150), _shade(self._skin, 0.8), 4)
        smile = self._random.randrange(18, 28)
        self._arc((-smile, eye_y + 32, smile, eye_y + 62), (25, 155), _LIPS, 5)
        for side in (-1, 1):
            x = side * (eye_x + 14)
            self._ellipse(x - 11, eye_y + 22, x + 11, eye_y + 36, _blush(self._skin))
        if self._random.random() < 0.3:
            self._glasses(eye_x, eye_y)

    def _glasses(self, eye_x: int, eye_y: int) -> None:
        frame: Colour = (50, 50, 56)
        for side in (-1, 1):
            self._arc((side * eye_x - 19, eye_y - 17, side * eye_x + 19, eye_y + 17), (0, 360), frame, 4)
        self._box(-eye_x + 19, eye_y - 2, eye_x - 19, eye_y + 1, frame)

    def _place(self, x: float, y: float) -> tuple[float, float]:
        return (x + WIDTH / 2) * _SCALE, y * _SCALE

    def _ellipse(self, left: float, top: float, right: float, bottom: float, fill: Colour) -> None:
        self._pen.ellipse((self._place(left, top), self._place(right, bottom)), fill=fill)

    def _box(self, left: float, top: float, right: float, bottom: float, fill: Colour) -> None:
        self._pen.rectangle((self._place(left, top), self._place(right, bottom)), fill=fill)

    def _polygon(self, points: list[tuple[float, float]], fill: Colour) -> None:
        self._pen.polygon([self._place(x, y) for x, y in points], fill=fill)

    def _chord(self, box: Box, degrees: tuple[int, int], fill: Colour) -> None:
        left, top, right, bottom = box
        self._pen.chord((self._place(left, top), self._place(right, bottom)), *degrees, fill=fill)

    def _arc(self, box: Box, degrees: tuple[int, int], ink: Colour, width: int) -> None:
        left, top, right, bottom = box
        self._pen.arc((self._place(left, top), self._place(right, bottom)), *degrees, fill=ink, width=width * _SCALE)


def _shade(colour: Colour, factor: float) -> Colour:
    red, green, blue = (int(part * factor) for part in colour)
    return red, green, blue


def _blush(skin: Colour) -> Colour:
    red, green, blue = skin
    return red, max(green - 22, 0), max(blue - 18, 0)
