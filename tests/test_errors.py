from aegisflow.errors import PayloadError


def test_what_a_payload_error_says_can_be_logged_and_stored_whatever_it_was_about() -> None:
    error = PayloadError("wrong_type", "a\0b\nc\ud800d\x1b[31m: °C ≠ kW")
    assert error.detail == "a\ufffdb\ufffdc\ufffdd\ufffd[31m: °C ≠ kW"
    assert str(error).encode() == f"wrong_type: {error.detail}".encode()
