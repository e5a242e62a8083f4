"""Reads tokens and what a service knows; writes what biscuit-python says of them, and tokens of its own.

python interop.py ASKED ANSWERED
"""

import json
import sys
from datetime import datetime, timedelta, timezone

from biscuit_auth import (
    Algorithm,
    AuthorizationError,
    AuthorizerBuilder,
    Biscuit,
    BiscuitBuilder,
    BiscuitValidationError,
    BlockBuilder,
    Fact,
    Policy,
    PrivateKey,
    PublicKey,
)


def private_key(text):
    return PrivateKey.from_bytes(bytes.fromhex(text), Algorithm.Ed25519)


def term(value):
    ((kind, inner),) = value.items()
    if kind == "date":
        return datetime.fromtimestamp(inner, timezone.utc)
    return bytes.fromhex(inner) if kind == "bytes" else inner


def fact(stated):
    terms = {f"t{at}": term(value) for at, value in enumerate(stated["terms"])}
    names = ", ".join("{" + name + "}" for name in terms)
    return Fact(f"{stated['name']}({names})", terms)


def verdict(case, root):
    try:
        biscuit = Biscuit.from_base64(case["token"], root)
    except BiscuitValidationError:
        return "not signed"
    builder = AuthorizerBuilder()
    limits = builder.limits()
    limits.max_facts, limits.max_iterations = 10_000, 100
    limits.max_time = timedelta(seconds=60)
    builder.set_limits(limits)
    for stated in case["facts"]:
        builder.add_fact(fact(stated))
    builder.add_policy(Policy("allow if kv(1)"))
    try:
        builder.build(biscuit).authorize()
    except AuthorizationError as error:
        if "timeout" in str(error) or "limit" in str(error):
            raise
        return "denies"
    return "allows"


def made(presentation, source, root, secret, service):
    ours = Biscuit.from_base64(presentation, root)
    builder = BiscuitBuilder(source)
    builder.set_root_key_id(1)
    theirs = builder.build(private_key(secret))
    receipt = BlockBuilder(f'receipt("done", hex:{"ab" * 32}, 2026-11-21T10:00:01Z)')
    signed = ours.third_party_request().create_block(private_key(service["secret"]), receipt)
    service_key = PublicKey.from_bytes(bytes.fromhex(service["key"]), Algorithm.Ed25519)
    return {
        "plain": theirs,
        "narrowed": theirs.append(BlockBuilder('check if operation("write")')),
        "extended": ours.append(BlockBuilder("check if true")),
        "receipt": ours.append_third_party(service_key, signed),
    }


def main(asked, answered):
    with open(asked, encoding="utf-8") as file:
        document = json.load(file)
    root = PublicKey.from_bytes(bytes.fromhex(document["root"]), Algorithm.Ed25519)
    given = [document[name] for name in ("presentation", "source")]
    tokens = made(*given, root, document["secret"], document["service"])
    answer = {
        "verdicts": [verdict(case, root) for case in document["cases"]],
        "made": {name: token.to_base64() for name, token in tokens.items()},
    }
    with open(answered, "w", encoding="utf-8") as file:
        json.dump(answer, file)


main(*sys.argv[1:])
