"""Mistakes about who may come in, and what proves what was done; see ``mutants``."""

from tests.support.mutant import Mutant

CALLERS, DEVICE = "domain/callers.py", "domain/device.py"
LINES = "http/lines.py"
OPENID, SIGN_INS, PEOPLE = "http/openid.py", "console/signing_in.py", "domain/people.py"
RIGHTS, CREDENTIALS, IDENTITIES, TOKENS = (
    "domain/rights.py",
    "domain/credentials.py",
    "plant/identities.py",
    "plant/tokens.py",
)
AUDIT_CHECK = "plant/audit.py"
PROOF, CONNECTIONS = "store/proof.py", "http/connections.py"
SEALS, VERIFICATION, OPENING = "store/seals.py", "store/verification.py", "store/opening.py"
OPENINGS, RELOAD = "domain/openings.py", "plant/reload.py"
OPERATORS, TOOLBOX = "http/operators.py", "mcp/toolbox.py"

IDENTITY_MUTANTS = (
    Mutant("silent connections stay", CONNECTIONS, "if self.count > self.most:", "if False:"),
    Mutant("one silent connection makes room for several", CONNECTIONS, "            self._forget(ends)\n", ""),
    Mutant("who holds its body back has asked", CONNECTIONS, "if not cycle.more_body:", "if True:"),
    Mutant(
        "agents that listen keep people out", CONNECTIONS, "chain(self._silent, self._agents)", "iter(self._silent)"
    ),
    Mutant("a person's answer is ended for another", CONNECTIONS, 'path.rstrip("/") == FOR_AGENTS', "True"),
    Mutant(
        "a request may take for ever to come",
        CONNECTIONS,
        "call_later(times * self._once_s, self._give_up)",
        "call_later(3600.0, self._give_up)",
    ),
    Mutant("a seal has several spellings", SEALS, "if signature.hex() != seal.signature:", "if False:"),
    Mutant("another text that says the same is a proof", PROOF, "if _canonical(found).encode() != text or", "if"),
    Mutant(
        "a proof need not be sealed",
        PROOF,
        '        if why:\n            return Proved(f"the whole',
        '        if False:\n            return Proved(f"the whole',
    ),
    Mutant("approvals need no row", PROOF, "if set(record.approved_by) - set(gave):", "if False:"),
    Mutant(
        "a proof may tell of another command",
        PROOF,
        'if details[-1].get("record_sha256") != text_digest(found["record"]):',
        "if False:",
    ),
    Mutant(
        "any signature seals",
        SEALS,
        'key.verify(signature, text.encode("utf-8", "surrogatepass"))',
        "str(signature)",
    ),
    Mutant("no seal is as good as one", SEALS, 'return "is not sealed"', 'return ""'),
    Mutant("any key seals", SEALS, 'return f"is sealed by the unknown key {seal.key_id[:16]}"', 'return ""'),
    Mutant("heads are believed unsealed", VERIFICATION, "if why and (head.seal.key_id or is_sealed):", "if False:"),
    Mutant(
        "heads may contradict each other",
        VERIFICATION,
        "if exported.setdefault(head.row, head.digest) != head.digest:",
        "if False:",
    ),
    Mutant(
        "records are not held against the audit",
        VERIFICATION,
        "why = _end(walk, is_sealed, rows_before) or _records(connection, walk)",
        "why = _end(walk, is_sealed, rows_before)",
    ),
    Mutant(
        "a record's columns may say other things", VERIFICATION, "or [row[name] for name in _COLUMNS] != columns", ""
    ),
    Mutant("heads may be removed", VERIFICATION, "if walk.sealed and not walk.exported and rows_before:", "if False:"),
    Mutant(
        "tokens are not held against the audit",
        VERIFICATION,
        "if walk.records.get(OF_TOKEN + digest) != text_digest(record):",
        "if False:",
    ),
    Mutant("heads of long ago are as good as new", VERIFICATION, "rows_before - newest > _MAX_BEHIND:", "False:"),
    Mutant("nobody looks at what a witness has kept", AUDIT_CHECK, "witness=self._audit.witness_file", "witness=None"),
    Mutant("the guards of the audit stay away", OPENING, "restored = restore_guards(connection)", "restored = False"),
    Mutant(
        "seals that are gone are made again", OPENING, "or any(head.seal.key_id for head in heads.heads())", "or False"
    ),
    Mutant(
        "a new rule that allows opens nothing",
        OPENINGS,
        "return rule.verdict is not Verdict.DENY and not any(_let(",
        "return rule.verdict is Verdict.ASK and not any(_let(",
    ),
    Mutant("a wider bound of change opens nothing", OPENINGS, "return wider or (is_bound", "return (is_bound"),
    Mutant(
        "a rule that is gone opens nothing",
        OPENINGS,
        "if rule.verdict is Verdict.ALLOW or any(_keeps(",
        "if True or any(_keeps(",
    ),
    Mutant(
        "what is not known opens nothing",
        OPENINGS,
        "        return set(before) <= set(after)\n    return False",
        "        return set(before) <= set(after)\n    return True",
    ),
    Mutant(
        "a restart may need less than before",
        OPENINGS,
        "after is None or not _within(after, before) or after.for_s < before.for_s:",
        "False:",
    ),
    Mutant("who is silent for longer takes commands", OPENINGS, "was is None or now is None or now > was", "False"),
    Mutant("a device that went may come back with more", RELOAD, "known = {**self._gone, **", "known = {**"),
    Mutant("an opened policy waits for nobody", RELOAD, 'if opens else ""\n', 'if False else ""\n'),
    Mutant(
        "any operator opens the policy",
        RELOAD,
        "and by is not None and by.may(Right.APPROVE, Extent.WHOLE_PLANT):",
        "and by is not None:",
    ),
    Mutant("one opens the policy for two", RELOAD, "if len(self._agreed) >= needed:", "if self._agreed:"),
    Mutant("who agreed to one policy agreed to the next", RELOAD, "if self._agreed_to != self._judged:", "if False:"),
    Mutant("who agrees was never told", RELOAD, "if told == self._judged and by", "if by"),
    Mutant(
        "a viewer handles alarms",
        RIGHTS,
        "_VIEWER = frozenset({Right.SEE})",
        "_VIEWER = frozenset({Right.SEE, Right.HANDLE_ALARMS})",
    ),
    Mutant(
        "an operator approves",
        RIGHTS,
        "Right.STOP_AGENTS, Right.RELOAD}",
        "Right.STOP_AGENTS, Right.RELOAD, Right.APPROVE}",
    ),
    Mutant("who acts on one line acts on all", RIGHTS, "or on in self.lines", "or True"),
    Mutant("nobody asks whose machine it is", LINES, "if by.is_limited:", "if False:"),
    Mutant(
        "a machine obeys people of other lines",
        DEVICE,
        "require_operator(by, Right.HANDLE_ALARMS, what, why, on=self.spec.line)",
        "require_operator(by, Right.HANDLE_ALARMS, what, why, on=(by.lines or ('',))[0])",
    ),
    Mutant("an ID token may be of another sign-in", OPENID, '"nonce": {"essential": True, "value": asked.nonce},', ""),
    Mutant(
        "an ID token may be for somebody else", OPENID, '"aud": {"essential": True, "value": self._spec.client_id},', ""
    ),
    Mutant(
        "an ID token may be made for another client",
        OPENID,
        'more = {"client_id": self._spec.client_id, "access_token"',
        'more = {"access_token"',
    ),
    Mutant(
        "a state may be used again",
        SIGN_INS,
        "            del self._by_state[token_hash(state)]\n            return",
        "            return",
    ),
    Mutant(
        "any browser ends a sign-in",
        SIGN_INS,
        "begun is None or not hmac.compare_digest(begun.secret.encode(), secret.encode())",
        "begun is None",
    ),
    Mutant(
        "who has no role comes in",
        PEOPLE,
        "for value in self.roles if value in spec.roles)",
        "for value in spec.roles)",
    ),
    Mutant("two names are two people", PEOPLE, "return name if found is None else found.group()", "return name"),
    Mutant(
        "a revoked person comes in again", IDENTITIES, "if not grants or self.is_revoked(shown.key):", "if not grants:"
    ),
    Mutant("routes ask for no right", OPERATORS, "if not caller.may(endpoint.right):", "if False:"),
    Mutant(
        "an agent is of the role that it names",
        CALLERS,
        "Role.AGENT if self.kind is CallerKind.AGENT else",
        "self.role if self.role else",
    ),
    Mutant(
        "a revoked token opens",
        CREDENTIALS,
        'if self.revoked_at is not None:\n            return f"',
        'if False:\n            return f"',
    ),
    Mutant(
        "an expired token opens",
        CREDENTIALS,
        'if self.expires_at is not None and at >= self.expires_at:\n            return f"',
        'if False:\n            return f"',
    ),
    Mutant(
        "a person's revoked token opens",
        IDENTITIES,
        "if self.is_revoked(spec.token_sha256):",
        "if False:",
    ),
    Mutant("a read-only plant proposes", CREDENTIALS, "if access.read_only and right", "if False and right"),
    Mutant("a read-only agent proposes", CREDENTIALS, "if credential.read_only and right", "if False and right"),
    Mutant("a tool that is off answers", CREDENTIALS, "if tool in access.tools_off:", "if False:"),
    Mutant(
        "a tool that an agent was not given answers",
        CREDENTIALS,
        "if credential.tools and tool not in",
        "if False and tool not in",
    ),
    Mutant("quotas never fill", CREDENTIALS, "if len(self._taken) < self.count:", "if True:"),
    Mutant("tools ask nobody", TOOLBOX, "            gate.admit(function.__name__)\n", ""),
    Mutant(
        "an unknown token is nobody's and passes",
        IDENTITIES,
        "if own is None or own.kind is not CallerKind.AGENT:",
        "if False:",
    ),
    Mutant(
        "a token opens before it is stored",
        TOKENS,
        "kept = self._store(credential,",
        "self._identities.keep((credential,))\n        kept = self._store(credential,",
    ),
    Mutant("an agent takes the name of a person", TOKENS, "if wanted.name in people:", "if False:"),
    Mutant(
        "the shared token outlives what the file says",
        IDENTITIES,
        "self._access.anonymous is not False if shown.is_shared",
        "True if shown.is_shared",
    ),
)
