// Reads tokens and what a service knows; writes what biscuit-wasm says of them, and tokens of its own.
// node --experimental-wasm-modules interop.mjs ASKED ANSWERED

import {
  AuthorizerBuilder, Biscuit, BiscuitBuilder, BlockBuilder, Fact, Policy, PrivateKey, PublicKey,
  SignatureAlgorithm, prepareTerm,
} from "@biscuit-auth/biscuit-wasm";
import { readFileSync, writeFileSync } from "node:fs";

const LIMITS = { max_facts: 10_000, max_iterations: 100, max_time_micro: 60_000_000 };
const [asked, answered] = process.argv.slice(2);
const { root, secret, service, cases, presentation, source } = JSON.parse(readFileSync(asked, "utf8"));
const bytes = (hex) => new Uint8Array(Buffer.from(hex, "hex"));
const rootKey = PublicKey.fromBytes(bytes(root), SignatureAlgorithm.Ed25519);
const privateKey = (hex) => PrivateKey.fromBytes(bytes(hex), SignatureAlgorithm.Ed25519);

function term({ text, integer, date, bytes: hex }) {
  if (text !== undefined) return text;
  if (integer !== undefined) return integer;
  if (date !== undefined) return new Date(date * 1000);
  return bytes(hex);
}

function fact({ name, terms }) {
  const made = Fact.fromString(`${name}(${terms.map((_, at) => `{t${at}}`).join(", ")})`);
  terms.forEach((value, at) => made.set(`t${at}`, prepareTerm(term(value))));
  return made;
}

function verdict({ token, facts }) {
  let biscuit;
  try {
    biscuit = Biscuit.fromBase64(token, rootKey);
  } catch {
    return "not signed";
  }
  const authorizer = new AuthorizerBuilder();
  facts.forEach((stated) => authorizer.addFact(fact(stated)));
  authorizer.addPolicy(Policy.fromString("allow if kv(1)"));
  try {
    authorizer.buildAuthenticated(biscuit).authorizeWithLimits(LIMITS);
    return "allows";
  } catch (error) {
    if (error?.FailedLogic === undefined) throw error;
    return "denies";
  }
}

function block(code) {
  const made = new BlockBuilder();
  made.addCode(code);
  return made;
}

function minted() {
  const builder = new BiscuitBuilder();
  builder.setRootKeyId(1);
  builder.addCode(source);
  return builder.build(privateKey(secret));
}

function made() {
  const theirs = minted();
  const ours = Biscuit.fromBase64(presentation, rootKey);
  const receipt = block(`receipt("done", hex:${"ab".repeat(32)}, 2026-11-21T10:00:01Z)`);
  const signed = ours.getThirdPartyRequest().createBlock(privateKey(service.secret), receipt);
  const serviceKey = PublicKey.fromBytes(bytes(service.key), SignatureAlgorithm.Ed25519);
  return {
    plain: theirs,
    narrowed: theirs.appendBlock(block('check if operation("write")')),
    sealed: theirs.sealToken(),
    extended: ours.appendBlock(block("check if true")),
    resealed: ours.sealToken(),
    receipt: ours.appendThirdPartyBlock(serviceKey, signed),
  };
}

const answer = {
  verdicts: cases.map(verdict),
  made: Object.fromEntries(Object.entries(made()).map(([name, token]) => [name, token.toBase64()])),
};
writeFileSync(answered, JSON.stringify(answer));
