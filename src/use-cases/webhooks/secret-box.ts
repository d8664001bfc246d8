import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

const SECRET_PREFIX = 'whsec_'
const SECRET_SIZE_BYTES = 32
const SEALED_PREFIX = 'aes256gcm'
/** As NIST SP 800-38D recommends for GCM. */
const IV_SIZE_BYTES = 12
const CIPHER = 'aes-256-gcm'
/** A shorter tag, which Node takes as well, would be easier to forge. */
const TAG = { authTagLength: 16 }

/** Makes a secret as Standard Webhooks has it. */
export function createSecret(): string {
  return SECRET_PREFIX + randomBytes(SECRET_SIZE_BYTES).toString('base64')
}

/** The key of a secret, which signs. */
export function signingKeyOf(secret: string): Buffer {
  return Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64')
}

/**
 * Encrypts secrets for the database, so that a dump of it does not give them away. Without a key they are stored as they are. The
 * first key encrypts, each decrypts: so a key can be replaced.
 */
export class SecretBox {
  readonly #keys: readonly Buffer[]

  /** @param keys of 32 bytes each */
  constructor(keys: readonly Buffer[]) {
    this.#keys = keys
  }

  /** @param webhookId whose secret it is: sealed for one webhook, it opens for no other */
  seal(secret: string, webhookId: string): string {
    const [key] = this.#keys
    if (!key) return secret
    const iv = randomBytes(IV_SIZE_BYTES)
    const cipher = createCipheriv(CIPHER, key, iv, TAG).setAAD(Buffer.from(webhookId))
    const sealed = Buffer.concat([cipher.update(secret), cipher.final()])
    return [
      SEALED_PREFIX,
      ...[iv, cipher.getAuthTag(), sealed].map((part) => part.toString('base64url')),
    ].join('.')
  }

  /** @returns undefined if none of the keys opens it */
  open(stored: string, webhookId: string): string | undefined {
    return this.#openWith(stored, webhookId)?.secret
  }

  /** @returns the same secret under the first key; `stored` itself where it is, or where it cannot be opened */
  sealAnew(stored: string, webhookId: string): string {
    const opened = this.#openWith(stored, webhookId)
    return !opened || opened.key === this.#keys[0] ? stored : this.seal(opened.secret, webhookId)
  }

  #openWith(stored: string, webhookId: string): { secret: string; key: Buffer | undefined } | undefined {
    if (stored.startsWith(SECRET_PREFIX)) return { secret: stored, key: undefined }
    const [iv, tag, sealed] = stored
      .split('.')
      .slice(1)
      .map((part) => Buffer.from(part, 'base64url'))
    for (const key of this.#keys) {
      try {
        const decipher = createDecipheriv(CIPHER, key, iv!, TAG)
          .setAAD(Buffer.from(webhookId))
          .setAuthTag(tag!)
        return { secret: Buffer.concat([decipher.update(sealed!), decipher.final()]).toString(), key }
      } catch {
        // another key's
      }
    }
    return undefined
  }
}
