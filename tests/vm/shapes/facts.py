# SPDX-License-Identifier: Apache-2.0
"""What a shape said it did (shapes/shape.h), read into lives of processes and their images."""
import dataclasses
import json


class ShapeError(Exception):
    """The shape contradicts itself, or could not be made."""


@dataclasses.dataclass
class Image:
    """One node of the process tree: an image made by exec, a forked child before its first exec, or a process older
    than the agent.
    """

    kind: str  # exec, fork or old
    who: str
    fact: dict
    creator: "Image" = None  # who forked the process, or the previous image
    fresh: bool = True  # the first image after a fork
    exec_id: str = None  # as the events have it
    body: dict = None  # as events show it when it is the parent of another: the `process` of its own events

    @property
    def pid(self):
        return self.fact["pid"]

    @property
    def in_tree(self):
        return bool(self.fact["in_tree"])


@dataclasses.dataclass
class Life:
    """A process from its fork to its end."""

    pid: int
    images: list = dataclasses.field(default_factory=list)
    exit: dict = None  # the fact

    @property
    def images_with_exec(self):
        return [image for image in self.images if image.kind != "fork"]

    @property
    def last(self):
        return self.images[-1]


def to_bytes(text):
    """Facts write each byte as the character of that number."""
    return text.encode("latin-1")


@dataclasses.dataclass
class Story:
    """All facts of one shape. `test` is the image of the test itself, the creator of the shape's first process."""

    images: dict  # by name
    lives: list
    threads: list
    skipped: str = None
    broken: str = None


def read_story(path, test):
    story = Story({"test": test}, [], [])
    open_lives = {}  # by pid
    with open(path, "rb") as file:
        facts = [json.loads(line) for line in file]
    for fact in facts:
        kind = fact["is"]
        if kind in ("exec", "fork", "old"):
            _add_image(story, open_lives, kind, fact)
        elif kind == "seen":
            story.images[fact["who"]].fact.update({key: fact[key] for key in ("uids", "gids")})
        elif kind == "tids":
            story.threads += fact["tids"]
        elif kind == "exit":
            _end_life(story, open_lives, fact)
        elif kind == "skip":
            story.skipped = fact["why"]
        elif kind == "broken":
            story.broken = story.broken or f"{fact['who'] or 'a nameless child'}: {fact['why']}"
        else:
            raise ShapeError(f"unknown fact {kind}")
    return story


def _add_image(story, open_lives, kind, fact):
    if fact["who"] in story.images:
        raise ShapeError(f"two images are called {fact['who']}")
    if fact["from"] not in story.images:
        raise ShapeError(f"{fact['who']} comes from {fact['from']}, who is not known")
    image = Image(kind, fact["who"], fact, story.images[fact["from"]], bool(fact.get("fresh", True)))
    story.images[image.who] = image
    life = open_lives.get(image.pid)
    if not life:
        life = open_lives[image.pid] = Life(image.pid)
        story.lives.append(life)
    elif image.fresh and life.last.kind != "fork":
        raise ShapeError(f"{image.who} has the pid of {life.last.who}, who has not ended")
    life.images.append(image)


def _end_life(story, open_lives, fact):
    image = story.images.get(fact["who"])
    life = open_lives.pop(image.pid, None) if image else None
    if not life:
        raise ShapeError(f"the end of {fact['who']}, who is not alive")
    life.exit = fact
