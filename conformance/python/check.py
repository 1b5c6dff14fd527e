"""One line per promise that was seen to hold; the first difference ends the run."""

import time
from typing import Any, Callable, Type, TypeVar

Answer = TypeVar("Answer")
Failure = TypeVar("Failure", bound=Exception)


class Difference(Exception):
    """What the server did is not what it promised."""


def same(promise: str, actual: Any, expected: Any) -> None:
    """`actual` is exactly `expected`, type included: 1 is not True."""
    if actual != expected or type(actual) is not type(expected):
        raise Difference(f"{promise}\n  expected: {expected!r}\n  actual:   {actual!r}")
    print(f"ok  {promise}")


def holds(promise: str, condition: bool, seen: Any) -> None:
    """`condition` holds; `seen` is printed when it does not."""
    if not condition:
        raise Difference(f"{promise}\n  seen: {seen!r}")
    print(f"ok  {promise}")


def refused(promise: str, failure: Type[Failure], call: Callable[[], Any]) -> Failure:
    """`call` is refused with exactly this class of the SDK; gives back the exception."""
    try:
        answer = call()
    except Exception as error:
        if type(error) is failure:
            print(f"ok  {promise}: {failure.__name__}")
            return error
        raise Difference(f"{promise}\n  expected: {failure.__name__}\n  actual:   {type(error).__name__}: {error}") from error
    raise Difference(f"{promise}\n  expected: {failure.__name__}\n  actual:   accepted, {answer!r}")


def eventually(promise: str, seconds: float, call: Callable[[], Answer], accept: Callable[[Answer], bool]) -> Answer:
    """Calls until `accept` likes the answer; an answer that never comes is a difference."""
    end = time.monotonic() + seconds
    while True:
        answer = call()
        if accept(answer):
            return answer
        if time.monotonic() > end:
            raise Difference(f"{promise} within {seconds} s\n  seen: {answer!r}")
        time.sleep(0.1)
