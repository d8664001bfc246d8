import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A span as it arrived. Times in milliseconds. */
export type ReceivedSpan = {
  traceId: string
  spanId: string
  /** Empty where it has none. */
  parentId: string
  name: string
  startMs: number
  endMs: number
  /** The ids of spans that it is linked with. */
  links: string[]
}

/** A receiver of OTLP over HTTP, at `endpoint`: it keeps the spans that are sent to it, and the headers that came with them. */
export async function startOtlpReceiver() {
  const spans: ReceivedSpan[] = []
  const headers: IncomingHttpHeaders[] = []
  const services: string[] = []
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray())
    headers.push(request.headers)
    for (const resourceSpans of fields(body, 1)) {
      services.push(...fields(resourceSpans, 1).flatMap(readServiceName))
      for (const scope of fields(resourceSpans, 2)) spans.push(...fields(scope, 2).map(readSpan))
    }
    response.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    headers,
    services,
    close: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
  }
}

function readSpan(span: Buffer): ReceivedSpan {
  const hex = (field: number) => fields(span, field)[0]?.toString('hex') ?? ''
  const ms = (field: number) => Number(fields(span, field)[0]!.readBigUInt64LE()) / 1e6
  return {
    traceId: hex(1),
    spanId: hex(2),
    parentId: hex(4),
    name: String(fields(span, 5)[0]),
    startMs: ms(7),
    endMs: ms(8),
    links: fields(span, 13).map((link) => fields(link, 2)[0]!.toString('hex')),
  }
}

function readServiceName(resource: Buffer): string[] {
  return fields(resource, 1).flatMap((attribute) => {
    if (String(fields(attribute, 1)[0]) !== 'service.name') return []
    return String(fields(fields(attribute, 2)[0]!, 1)[0])
  })
}

const VARINT = 0
const FIXED_64 = 1
const BYTES = 2
const FIXED_32 = 5

/** The values of a field of a message of protocol buffers: bytes as they are, numbers of a fixed size too. */
function fields(message: Buffer, wanted: number): Buffer[] {
  const values: Buffer[] = []
  let at = 0
  const varint = () => {
    let value = 0
    for (let shift = 1; ; shift *= 128) {
      const byte = message[at++]!
      value += (byte % 128) * shift
      if (byte < 128) return value
    }
  }
  while (at < message.length) {
    const tag = varint()
    const type = tag % 8
    if (type === VARINT) {
      varint()
      continue
    }
    const length = { [FIXED_64]: () => 8, [BYTES]: varint, [FIXED_32]: () => 4 }[type]!()
    if (Math.floor(tag / 8) === wanted) values.push(message.subarray(at, at + length))
    at += length
  }
  return values
}
