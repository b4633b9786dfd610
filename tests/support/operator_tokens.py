"""Who calls the operators' interface in tests, as headers, and what the plant file knows of them."""

from aegisflow.http.guards import token_hash

ANNA, BEN = {"Authorization": "Bearer token-of-anna"}, {"Authorization": "Bearer token-of-ben"}
AGENTS = {"Authorization": "Bearer token-of-agents"}
HASHES = {"anna": token_hash("token-of-anna"), "ben": token_hash("token-of-ben")}
