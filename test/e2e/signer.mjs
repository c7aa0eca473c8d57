// What an identity provider does: signs tokens and publishes its keys.
import { createHmac, generateKeyPairSync, randomBytes, sign } from "node:crypto";

const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

export class Signer {
  // `algorithm` is HS256, RS256, ES256 or EdDSA.
  constructor(algorithm, kid) {
    this.algorithm = algorithm;
    this.kid = kid;
    if (algorithm === "HS256") {
      this.secret = randomBytes(48).toString("base64url");
    } else if (algorithm === "RS256") {
      this.keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
    } else if (algorithm === "ES256") {
      this.keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
    } else {
      this.keys = generateKeyPairSync("ed25519");
    }
  }

  get pem() {
    return this.keys.publicKey.export({ type: "spki", format: "pem" });
  }
  get jwk() {
    return { ...this.keys.publicKey.export({ format: "jwk" }), kid: this.kid, use: "sig", alg: this.algorithm };
  }

  // Valid for `seconds`; `claims` add to the rest, or take its place.
  token(sub, { seconds = 600, header = {}, ...claims } = {}) {
    const now = Math.floor(Date.now() / 1000);
    const text = [
      encode({ typ: "JWT", alg: this.algorithm, kid: this.kid, ...header }),
      encode({ sub, iat: now, exp: now + seconds, ...claims }),
    ].join(".");
    return `${text}.${this.#signature(text).toString("base64url")}`;
  }

  #signature(text) {
    if (this.secret) return createHmac("sha256", this.secret).update(text).digest();
    return sign(this.algorithm === "EdDSA" ? null : "sha256", Buffer.from(text), {
      key: this.keys.privateKey,
      dsaEncoding: "ieee-p1363",
    });
  }
}

export const jwks = (...signers) => JSON.stringify({ keys: signers.map(({ jwk }) => jwk) });
