import { type LookupAddress, lookup } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'

type Range = readonly [address: string, prefix: number]

/** Where nobody is whom we call: metadata of clouds, which hand out credentials, and what is no address of a machine. */
const NEVER: readonly Range[] = [
  ['0.0.0.0', 8],
  ['169.254.0.0', 16],
  ['100.100.100.200', 32],
  ['168.63.129.16', 32],
  ['192.0.0.0', 24],
  ['224.0.0.0', 3],
  ['::', 128],
  ['fe80::', 10],
  // AWS, Google and Oracle: private addresses by their kind
  ['fd00:ec2::', 32],
  ['fd20:ce::', 32],
  ['fd00:c1::', 32],
  ['ff00::', 8],
]

/** This machine, and networks without a name of their own. */
const PRIVATE: readonly Range[] = [
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['198.18.0.0', 15],
  ['::1', 128],
  ['fc00::', 7],
  ['fec0::', 10],
  // who translates them decides where they lead
  ['::', 96],
  ['::ffff:0:0:0', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['2002::', 16],
]

const LAST_BYTES = [12, 13, 14, 15]

/** IPv6 addresses that stand for an IPv4 address, and which of their bytes that is. */
const TRANSLATED = (
  [
    ['::', 96, LAST_BYTES],
    // SIIT (RFC 2765)
    ['::ffff:0:0:0', 96, LAST_BYTES],
    // NAT64; in its prefix for local use (RFC 8215) it stands where a network chose: RFC 6052, 2.2
    ['64:ff9b::', 96, LAST_BYTES],
    ['64:ff9b:1::', 48, [6, 7, 9, 10], [7, 9, 10, 11], [9, 10, 11, 12], LAST_BYTES],
    // 6to4 (RFC 3056)
    ['2002::', 16, [2, 3, 4, 5]],
  ] satisfies [...Range, ...number[][]][]
).map(([prefix, length, ...places]) => ({ range: blockListOf([[prefix, length]]), places }))

/** Tells why whom we call may not be at an address. Answers to names are looked at as they are connected to. */
export type AddressGuard = {
  /** @throws {TypeError} for the host of a URL that is a refused address itself: it would never be looked up */
  assertHost: (hostname: string) => void
  /** As `dns.lookup`, for `net.connect`: what it gives is what is connected to, so a later answer changes nothing. */
  lookup: LookupFunction
}

/**
 * @param whom who is called, for messages: `supplier`
 * @param mayBePrivate whether loopback and private addresses are fine; some never are
 */
export function refuseAddresses(whom: string, { mayBePrivate }: { mayBePrivate: boolean }): AddressGuard {
  const refused = blockListOf(mayBePrivate ? NEVER : [...NEVER, ...PRIVATE])
  const isRefused = (address: string) =>
    [address, ...findTranslations(address)].some((meant) => refused.check(meant, familyOf(meant)))
  return {
    assertHost(hostname) {
      const address = hostname.replace(/^\[|\]$/g, '')
      if (isIP(address) && isRefused(address)) throw new TypeError(`no ${whom} may be at ${address}`)
    },
    lookup(hostname, options, callback) {
      lookup(hostname, { ...options, all: true }, (error, addresses) => {
        const [first] = addresses ?? []
        if (error || !first) return callback(error ?? new Error(`${hostname} has no address`), '')
        const bad = addresses.find(({ address }) => isRefused(address))
        if (bad) return callback(refusal(whom, hostname, bad), '')
        if (options.all) return callback(null, addresses)
        return callback(null, first.address, first.family)
      })
    },
  }
}

function refusal(whom: string, hostname: string, { address }: LookupAddress): Error {
  const error = new Error(`${hostname} is at ${address}, where no ${whom} may be`)
  return Object.assign(error, { code: 'ADDRESS_REFUSED' })
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4'
}

function blockListOf(ranges: readonly Range[]): BlockList {
  const list = new BlockList()
  for (const [address, prefix] of ranges) list.addSubnet(address, prefix, familyOf(address))
  return list
}

/** The IPv4 addresses for which an address may stand: none for most. */
function findTranslations(address: string): string[] {
  if (familyOf(address) === 'ipv4') return []
  const places = TRANSLATED.flatMap(({ range, places }) => (range.check(address, 'ipv6') ? places : []))
  if (places.length === 0) return []
  const bytes = bytesOf(address)
  const addresses = places.map((place) => place.map((index) => bytes[index]).join('.'))
  // with a zero at the beginning it is none, but loopback or a place that its network did not choose
  return addresses.filter((meant) => !meant.startsWith('0.'))
}

function bytesOf(address: string): number[] {
  // a URL has it in groups of hexadecimal digits alone
  const [head = '', tail = ''] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::')
  const [before, after] = [head, tail].map((part) => (part === '' ? [] : part.split(':'))) as [
    string[],
    string[],
  ]
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0')
  return [...before, ...zeros, ...after].flatMap((group) => {
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 255]
  })
}
