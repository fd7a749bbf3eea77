"""Decides whether what clients saw of one path can be explained by operations that happened one at a time.

The object is a register: a path with a content, or nothing. Each write has a content of its own. An operation takes effect at
one moment between its beginning and its end; one whose end nobody saw may take effect at any moment after its beginning, or
never. The search is that of Wing and Gong with the memory of Lowe: states that were seen are not entered again.

Less is asked of a *regular* register: while a change goes on, each read sees it or not, whatever another read has seen before. So is
one with several copies of which a read asks some, and does not bring the others up to date. What was done is seen by all from its
end on; what nobody saw end may be seen by some until the next change is done.
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


def explain(events, is_regular=False):
    """Returns None if the events are linearizable, or those of a regular register; else those around the place where every
    explanation ends."""
    events = sorted(events, key=lambda event: event.begin)
    # A read that came to nothing tells nothing.
    perhaps = [event for event in events if event.end == NEVER and event.kind != READ]
    return Search([event for event in events if event.end != NEVER], perhaps, is_regular).run()


class Search:
    """The search for an explanation.

    A state is a tuple: the number of the first event that is left, a mask of those behind it that are not left, a mask of the
    events that perhaps happened and have, and the values of which a read sees one.
    """

    def __init__(self, events, perhaps, is_regular=False):
        self.events, self.perhaps, self.is_regular = events, perhaps, is_regular
        self.furthest = 0

    def run(self):
        """As `explain`."""
        start = (0, 0, 0, frozenset([None]))
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
        first, done, happened, values = state
        while True:
            numbers = self._next(first, done)[0]
            seen = values | self._values_beside(numbers) if self.is_regular else values
            fitting = [number for number in numbers if self.events[number].kind == READ and self.events[number].value in seen]
            if not fitting:
                return first, done, happened, values
            for number in fitting:
                done |= 1 << (number - first)
            first, done = forget(first, done)

    def _values_beside(self, numbers):
        """The values of changes that go on."""
        return {self.events[number].value for number in numbers if self.events[number].kind != READ}

    def _changes(self, state):
        """Yields the states after each change that may be next."""
        first, done, happened, values = state
        numbers, earliest_end = self._next(first, done)
        for number in numbers:
            event = self.events[number]
            if changes(event, values):
                yield (*forget(first, done | 1 << (number - first)), happened, frozenset([event.value]))
        for number, event in enumerate(self.perhaps):
            if event.begin <= earliest_end and not happened >> number & 1 and changes(event, values):
                if not self.is_regular:
                    yield first, done, happened | 1 << number, frozenset([event.value])
                elif self._is_needed(event.value, numbers, values):
                    yield first, done, happened | 1 << number, values | {event.value}

    def _is_needed(self, value, numbers, values):
        """True if something that may be next needs another value to be there, too: what nobody needs explains nothing."""
        left = [self.events[number] for number in numbers]
        is_read = any(event.kind == READ and event.value == value for event in left)
        return is_read or values == {None} and any(event.kind == REMOVE for event in left)


def changes(event, values):
    """True if an event can happen to one of these values, and is no read. A removal, whose own value is None, needs something there."""
    return event.kind == WRITE or event.kind == REMOVE and values != {None}


def forget(first, done):
    """Forgets the events before the first one that is left."""
    while done & 1:
        first, done = first + 1, done >> 1
    return first, done
