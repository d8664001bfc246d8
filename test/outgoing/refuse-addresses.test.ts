import dns from 'node:dns'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { refuseAddresses } from '../../src/outgoing/refuse-addresses.ts'
import { createSupplierClient } from '../../src/supplier/client.ts'
import { CALL } from '../support/supplier-call.ts'

vi.mock('node:dns', { spy: true })
afterEach(() => vi.restoreAllMocks())

/** Has every name lead to these addresses, one list a look. */
function resolveTo(...answers: string[][]) {
  const last = answers.at(-1)!
  return vi.mocked(dns.lookup).mockImplementation(((
    _name: string,
    _options: unknown,
    callback: CallableFunction,
  ) => {
    const addresses = (answers.shift() ?? last).map((address) => ({
      address,
      family: address.includes(':') ? 6 : 4,
    }))
    callback(null, addresses)
  }) as never)
}

const METADATA = [
  '169.254.169.254',
  '169.254.170.2',
  '100.100.100.200',
  '168.63.129.16',
  '192.0.0.192',
  '0.0.0.0',
  '0.1.2.3',
  '224.0.0.1',
  '255.255.255.255',
  'fe80::1',
  'fd00:ec2::254',
  'fd00:ec2::23',
  'fd20:ce::254',
  'fd00:c1::a9fe:a9fe',
  '::',
  '::ffff:169.254.169.254',
  '::ffff:0.0.0.0',
  '64:ff9b::169.254.169.254',
  '2002:a9fe:a9fe::',
  // by all ways to translate them, and at each place where an address may stand
  '::169.254.169.254',
  '::ffff:100.100.100.200',
  '::ffff:0:a9fe:a9fe',
  '64:ff9b::6464:64c8',
  '64:ff9b::a83f:8110',
  '64:ff9b:1::a9fe:a9fe',
  '64:ff9b:1:2:3:4:a9fe:a9fe',
  '64:ff9b:1:a9fe:a9:fe00::',
  '64:ff9b:1:a9:fe:a9fe::',
  '64:ff9b:1:7:a9:fea9:fe00::',
  '2002:6464:64c8::1',
]
const PRIVATE = [
  '127.0.0.1',
  '127.8.8.8',
  '10.0.0.1',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '100.64.0.1',
  '198.18.0.1',
  '::1',
  'fd12::1',
  '::ffff:127.0.0.1',
  '::ffff:10.0.0.1',
  '::10.0.0.1',
  'fec0::1',
  '64:ff9b::10.0.0.1',
  '64:ff9b:1::10.0.0.1',
  '2002:7f00:1::',
  '::ffff:0:8.8.8.8',
  '64:ff9b::8.8.8.8',
  '64:ff9b:1::8.8.8.8',
  '2002:808:808::1',
]
const PUBLIC = [
  '203.0.113.7',
  '8.8.8.8',
  '172.32.0.1',
  '11.0.0.1',
  '169.253.1.1',
  '2606:4700::1111',
  '2a00::1',
]

function look(address: string, mayBePrivate: boolean): Promise<string | undefined> {
  resolveTo([address])
  return new Promise((resolve) => {
    refuseAddresses('supplier', { mayBePrivate }).lookup('supplier.example', {}, (error) =>
      resolve(error?.message),
    )
  })
}

describe('an address', () => {
  it.each(METADATA)('is never a supplier: %s', async (address) => {
    expect(await look(address, true)).toContain('no supplier may be')
    expect(await look(address, false)).toContain('no supplier may be')
  })

  it.each(PRIVATE)('is a supplier only where private ones are allowed: %s', async (address) => {
    expect(await look(address, true)).toBeUndefined()
    expect(await look(address, false)).toContain('no supplier may be')
  })

  it.each(PUBLIC)('may be a supplier: %s', async (address) => {
    expect(await look(address, false)).toBeUndefined()
  })

  it('is refused among others, wherever it stands', async () => {
    for (const answer of [
      ['203.0.113.7', '127.0.0.1'],
      ['127.0.0.1', '203.0.113.7'],
    ]) {
      resolveTo(answer)
      const guard = refuseAddresses('supplier', { mayBePrivate: false })
      const error = await new Promise((resolve) => guard.lookup('x.example', { all: true }, resolve))
      expect(error).toMatchObject({ code: 'ADDRESS_REFUSED' })
    }
  })
})

describe('a URL', () => {
  it.each([
    'http://169.254.169.254/latest/meta-data',
    'http://2852039166',
    'http://0xa9.0xfe.0xa9.0xfe',
    'http://0251.0376.0251.0376',
    'http://169.254.43518',
    'http://[::ffff:169.254.169.254]',
    'http://[fd00:ec2::254]',
    'http://[fe80::1]',
    'http://0',
    'https://100.100.100.200',
  ])('of metadata is never called: %s', (baseUrl) => {
    expect(() => createSupplierClient({ baseUrl, timeoutMs: 100 })).toThrow(/no supplier may be at/)
  })

  it.each([
    'http://127.0.0.1:4000',
    'http://127.1',
    'http://[::1]:80',
    'https://10.0.0.1',
    'http://0x7f000001',
  ])('of a private address is not called where those are refused: %s', (baseUrl) => {
    expect(() => createSupplierClient({ baseUrl, timeoutMs: 100, mayBePrivate: false })).toThrow(
      /no supplier may be at/,
    )
  })
})

describe('a name', () => {
  it('that leads to a refused address is not connected to, whatever it led to before', async () => {
    const calls: string[] = []
    const inside = createServer((request, response) => {
      calls.push(request.url!)
      response.setHeader('content-type', 'application/json').end('{"status":"ok"}')
    }).listen(0, '127.0.0.1')
    await once(inside, 'listening')
    const { port } = inside.address() as AddressInfo

    for (const name of ['rebound.example', 'localhost']) {
      const looks = resolveTo(['127.0.0.1'])
      const client = createSupplierClient({
        baseUrl: `http://${name}:${port}`,
        timeoutMs: 1_000,
        mayBePrivate: false,
      })
      const answer = await client.checkStatus('1', CALL)
      expect(answer).toMatchObject({ kind: 'transport-error', cause: 'connection' })
      expect(JSON.stringify(answer)).toContain('ADDRESS_REFUSED')
      expect(looks).toHaveBeenCalled()
      await client.close()
    }
    expect(calls).toEqual([])

    // what was looked at is what is connected to: no second look that could answer something else
    const looks = resolveTo(['127.0.0.1'], ['169.254.169.254'])
    looks.mockClear()
    const client = createSupplierClient({ baseUrl: `http://supplier.example:${port}`, timeoutMs: 1_000 })
    expect(await client.checkStatus('1', CALL)).toEqual({ kind: 'ok', httpStatus: 200 })
    expect(looks).toHaveBeenCalledTimes(1)
    await client.close()
    inside.close()
  })
})
