"""How often an address may try to sign in."""

from __future__ import annotations

from sagewright.studio.sign_in.attempts import MOST_ADDRESSES, MOST_ATTEMPTS, SignInAttempts


def test_an_address_that_guesses_locks_out_itself_alone() -> None:
    attempts = SignInAttempts()
    assert [attempts.begin("10.0.0.1") for _ in range(MOST_ATTEMPTS + 1)] == [True] * MOST_ATTEMPTS + [False]
    assert attempts.begin("10.0.0.2")


def test_a_success_clears_the_count() -> None:
    attempts = SignInAttempts()
    for _ in range(MOST_ATTEMPTS):
        attempts.begin("10.0.0.1")
    attempts.succeeded("10.0.0.1")
    assert attempts.begin("10.0.0.1")


def test_the_number_of_addresses_is_bounded() -> None:
    attempts = SignInAttempts()
    for number in range(MOST_ADDRESSES + 100):
        attempts.begin(str(number))
    assert len(attempts._times) == MOST_ADDRESSES
