from __future__ import annotations

from typing import Any

import pytest

from django_cachex.commands import (
    Batch,
    Command,
    CommandError,
    async_method,
    execute_all,
    sync_method,
)
from django_cachex.commands.args import encode_arg
from django_cachex.commands.base import Commands
from django_cachex.commands.command import (
    VERSION_HELP,
    Operation,
    describe_version,
    feed_replies,
    is_repeatable,
    parse_raw,
    single,
)


class Echo(Commands):
    """Answers every command with its arguments."""

    def _run(self, command: Any) -> Any:
        operation = single(command) if isinstance(command, Command) else command
        commands = next(operation)
        try:
            while True:
                commands = feed_replies(operation, commands, [command.args for command in commands])
        except StopIteration as stop:
            return stop.value

    async def _arun(self, command: Any) -> Any:
        return self._run(command)

    def _ask(self, word: str, times: int = 1) -> Command[Any]:
        """Ask for a word."""
        return Command((word,) * times, parse_raw)

    def _ask_twice(self, word: str) -> Operation[list[Any]]:
        first = yield [self._ask(word)]
        second = yield [self._ask(word, 2)]
        return first + second

    ask, aask = sync_method(_ask), async_method(_ask)
    ask_twice, aask_twice = sync_method(_ask_twice), async_method(_ask_twice)


def drive(command: Any, *answers: list[Any]) -> Any:
    """Give an operation prepared answers; return the result."""
    operation = single(command) if isinstance(command, Command) else command
    commands = next(operation)
    try:
        for answer in answers:
            commands = feed_replies(operation, commands, answer)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("the conversation wants more answers")


def test_one_definition_gives_both_methods() -> None:
    assert Echo().ask("PING", times=2) == ("PING", "PING")
    assert Echo().ask_twice("PING") == [("PING",), ("PING", "PING")]


def test_the_awaitable_method_is_a_coroutine() -> None:
    coroutine = Echo().aask("PING")
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)
    assert stop.value.value == ("PING",)


def test_methods_have_public_names_and_the_builders_docstring() -> None:
    assert (Echo.ask.__name__, Echo.aask.__name__) == ("ask", "aask")
    assert Echo.ask.__qualname__ == "Echo.ask"
    assert Echo.ask.__doc__ == "Ask for a word."


def test_a_refusal_is_raised_into_the_step_that_sent_it() -> None:
    def operation() -> Operation[str]:
        try:
            yield [Command(("A",), parse_raw), Command(("B",), parse_raw)]
        except CommandError as error:
            return f"refused: {error}"
        return "accepted"

    assert drive(operation(), [1, CommandError("no")]) == "refused: no"
    assert drive(operation(), [1, 2]) == "accepted"


def test_a_refusal_says_which_command_it_answers() -> None:
    def operation() -> Operation[None]:
        yield [Command(("A",), parse_raw), Command(("B",), parse_raw)]

    with pytest.raises(CommandError) as refused:
        drive(operation(), [1, CommandError("no")])
    assert refused.value.__notes__ == ["Command 2 of 2: B"]


def test_attempts_return_refusals_in_place() -> None:
    refusal = CommandError("no")
    commands = [Command(("A",), int), Command(("B",), int)]
    assert drive(execute_all(commands), [b"7", refusal]) == [7, refusal]
    assert isinstance(next(execute_all(commands)), Batch)


def test_steps_without_a_request_need_no_answer() -> None:
    def operation() -> Operation[str]:
        if False:
            yield []
        return "nothing to ask"

    with pytest.raises(StopIteration) as stop:
        next(operation())
    assert stop.value.value == "nothing to ask"


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (b"x", b"x"),
        ("é", "é".encode()),
        (7, 7),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (2**63, b"9223372036854775808"),
        (bytearray(b"x"), b"x"),
        (memoryview(b"x"), b"x"),
    ],
)
def test_values_become_words_no_packer_chokes_on(value: Any, word: bytes | int) -> None:
    assert encode_arg(value) == word
    assert type(encode_arg(value)) is type(word)


def test_an_object_is_no_word() -> None:
    with pytest.raises(TypeError, match="not object"):
        encode_arg(object())


GET = Command(("GET", "key"), parse_raw, readonly=True)
SET = Command(("SET", "key", "value"), parse_raw, idempotent=True)
INCR = Command(("INCR", "key"), parse_raw)


@pytest.mark.parametrize(
    ("commands", "repeatable"),
    [
        ([GET], True),
        ([SET], True),
        ([GET, GET], True),
        ([SET, GET, GET], True),
        ([GET, SET], False),
        ([SET, GET, SET], False),
        ([INCR], False),
        ([GET, INCR], False),
    ],
)
def test_what_may_be_sent_again(commands: list[Command[Any]], repeatable: bool) -> None:
    assert is_repeatable(commands) is repeatable


@pytest.mark.parametrize("indent", ["", "        "])
@pytest.mark.parametrize(
    ("doc", "expected"),
    [
        ("Do it.\n\n{}See it", "Do it.\n\n{0}Args:\n{0}    {1}\n\n{0}See it"),
        ("Do it.\n\n{}Returns:\n", "Do it.\n\n{0}Args:\n{0}    {1}\n\n{0}Returns:\n"),
        (
            "Do it.\n\n{0}Args:\n{0}    a: one\n{0}        thing.\n\n{0}Raises:\n",
            "Do it.\n\n{0}Args:\n{0}    a: one\n{0}        thing.\n{0}    {1}\n\n{0}Raises:\n",
        ),
        ("Do it.\n\n{0}Args:\n{0}    version: its own.\n", None),
        ("", None),
    ],
)
def test_the_version_is_explained_once(indent: str, doc: str, expected: str | None) -> None:
    """Before Python 3.13, docstrings keep the indentation of the source."""
    told = describe_version(doc.format(indent))
    assert told == (expected or doc).format(indent, VERSION_HELP)
