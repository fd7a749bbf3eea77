"""Decides whether what clients saw of one path can be explained by operations that happened one at a time.

The object is a register: a path with a content, or nothing. Each write has a content of its own. An operation takes effect at
one moment between its beginning and its end; one whose end nobody saw may take effect at any moment after its beginning, or
never. The search is that of Wing and Gong with the memory of Lowe: states that were seen are not entered again.
"""

from dataclasses import dataclass
from typing import Optional

READ, WRITE, REMOVE = "read", "write", "remove"
NEVER = float("inf")


@dataclass(frozen=True)
class Event:
    """An operation that a client has made, with what came of it."""

    kind: str
    # What was read or written; None: nothing was there, or nothing is. A removal has removed something.
    value: Optional[str]
    begin: float
    # NEVER: nobody knows whether it was done.
    end: float
    client: int = 0


def explain(events):
    """Returns None if the events are linearizable; else the events around the place where every explanation ends."""
    events = sorted(events, key=lambda event: event.begin)
    # A read that came to nothing tells nothing.
    perhaps = [event for event in events if event.end == NEVER and event.kind != READ]
    return Search([event for event in events if event.end != NEVER], perhaps).run()


class Search:
    """The search for an explanation.

    A state is a tuple: the number of the first event that is left, a mask of those behind it that are not left, a mask of the
    events that perhaps happened and have, and the value.
    """

    def __init__(self, events, perhaps):
        self.events, self.perhaps = events, perhaps
        self.furthest = 0

    def run(self):
        """As `explain`."""
        start = (0, 0, 0, None)
        stack, seen = [start], {start}
        while stack:
            state = self._take_reads(stack.pop())
            self.furthest = max(self.furthest, state[0])
            if state[0] == len(self.events):
                return None
            for following in self._changes(state):
                if following not in seen:
                    seen.add(following)
                    stack.append(following)
        return self.events[max(0, self.furthest - 3) : self.furthest + 10]

    def _next(self, first, done):
        """The numbers of the events that may be next, which begin before any other that is left ends, and the earliest end."""
        earliest_end, left = NEVER, []
        for number in range(first, len(self.events)):
            event = self.events[number]
            if event.begin > earliest_end:
                break
            if not done >> (number - first) & 1:
                left.append(number)
                earliest_end = min(earliest_end, event.end)
        return [number for number in left if self.events[number].begin <= earliest_end], earliest_end

    def _take_reads(self, state):
        """Takes every read that fits now: it changes nothing, so to take it later would explain no more."""
        first, done, happened, value = state
        while True:
            fitting = [number for number in self._next(first, done)[0] if self._is_read_of(number, value)]
            if not fitting:
                return first, done, happened, value
            for number in fitting:
                done |= 1 << (number - first)
            first, done = forget(first, done)

    def _is_read_of(self, number, value):
        event = self.events[number]
        return event.kind == READ and event.value == value

    def _changes(self, state):
        """Yields the states after each change that may be next."""
        first, done, happened, value = state
        numbers, earliest_end = self._next(first, done)
        for number in numbers:
            event = self.events[number]
            if changes(event, value):
                yield (*forget(first, done | 1 << (number - first)), happened, event.value)
        for number, event in enumerate(self.perhaps):
            if event.begin <= earliest_end and not happened >> number & 1 and changes(event, value):
                yield first, done, happened | 1 << number, event.value


def changes(event, value):
    """True if an event can happen to this value, and is no read. A removal, whose own value is None, needs something there."""
    return event.kind == WRITE or event.kind == REMOVE and value is not None


def forget(first, done):
    """Forgets the events before the first one that is left."""
    while done & 1:
        first, done = first + 1, done >> 1
    return first, done
