"""How a machine signs its readings, written anew from the documents, so that it checks the wire from the other side."""

import hmac


def signed_reading(payload: str, device_id: str, plant_key: bytes) -> str:
    """Return a JSON object with its ``mac`` at the end; as it is, where the plant has no key."""
    if not plant_key:
        return payload
    own = hmac.new(plant_key, b"reading\n" + device_id.encode(), "sha256").hexdigest()
    body = payload.rstrip().removesuffix("}")
    mac = hmac.new(own.encode("ascii"), f"{device_id}\n{body}".encode(), "sha256").hexdigest()
    return f'{body},"mac":"{mac}"}}'
