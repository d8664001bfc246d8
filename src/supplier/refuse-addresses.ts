import { type LookupAddress, lookup } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'

type Range = readonly [address: string, prefix: number]

/** Where no supplier is: metadata of clouds, which hand out credentials, and what is no address of a machine. */
const NEVER: readonly Range[] = [
  ['0.0.0.0', 8],
  ['169.254.0.0', 16],
  ['100.100.100.200', 32],
  ['168.63.129.16', 32],
  ['192.0.0.0', 24],
  ['224.0.0.0', 3],
  ['::', 128],
  ['fe80::', 10],
  ['fd00:ec2::254', 128],
  ['ff00::', 8],
  // the same by NAT64 and 6to4
  ['64:ff9b::a9fe:0', 112],
  ['2002:a9fe::', 32],
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
  // by NAT64 and 6to4, and by IPv6 with an IPv4 address at its end, anything may be meant
  ['::', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['2002::', 16],
]

/** Tells why a supplier may not be at an address. Answers to names are looked at as they are connected to. */
export type AddressGuard = {
  /** @throws {TypeError} for the host of a URL that is a refused address itself: it would never be looked up */
  assertHost: (hostname: string) => void
  /** As `dns.lookup`, for `net.connect`: what it gives is what is connected to, so a later answer changes nothing. */
  lookup: LookupFunction
}

/** @param mayBePrivate whether loopback and private addresses are fine; some never are */
export function refuseAddresses({ mayBePrivate }: { mayBePrivate: boolean }): AddressGuard {
  const refused = new BlockList()
  for (const [address, prefix] of mayBePrivate ? NEVER : [...NEVER, ...PRIVATE]) {
    refused.addSubnet(address, prefix, familyOf(address))
  }
  const isRefused = (address: string) => refused.check(address, familyOf(address))
  return {
    assertHost(hostname) {
      const address = hostname.replace(/^\[|\]$/g, '')
      if (isIP(address) && isRefused(address)) throw new TypeError(`no supplier may be at ${address}`)
    },
    lookup(hostname, options, callback) {
      lookup(hostname, { ...options, all: true }, (error, addresses) => {
        const [first] = addresses ?? []
        if (error || !first) return callback(error ?? new Error(`${hostname} has no address`), '')
        const bad = addresses.find(({ address }) => isRefused(address))
        if (bad) return callback(refusal(hostname, bad), '')
        if (options.all) return callback(null, addresses)
        return callback(null, first.address, first.family)
      })
    },
  }
}

function refusal(hostname: string, { address }: LookupAddress): Error {
  const error = new Error(`${hostname} is at ${address}, where no supplier may be`)
  return Object.assign(error, { code: 'ADDRESS_REFUSED' })
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4'
}
