import { HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'
import { SUPPLIER_URL } from './harness.ts'

/** What the supplier was asked, in the order in which it was. */
type SupplierCall = { kind: 'reserve'; orderId: string; key: string | null } | { kind: 'status'; ref: string }

/** How it answers: bodies as JSON, or a whole response. */
export type SupplierScript = {
  reserve?: (orderId: string) => object | Response | Promise<object | Response>
  status?: (ref: string) => object | Response | Promise<object | Response>
}

/** A supplier that accepts everything and delivers at once, unless the script says otherwise. Listens at SUPPLIER_URL. */
export function playSupplier() {
  const calls: SupplierCall[] = []
  let script: SupplierScript = {}
  const server = setupServer(
    http.post(`${SUPPLIER_URL}/supplier/reserve`, async ({ request }) => {
      const { order_id: orderId } = (await request.json()) as { order_id: string }
      calls.push({ kind: 'reserve', orderId, key: request.headers.get('idempotency-key') })
      return respond(await (script.reserve?.(orderId) ?? { accepted: true, ref: `ref-${orderId}` }))
    }),
    http.get(`${SUPPLIER_URL}/supplier/status/:ref`, async ({ params }) => {
      const ref = String(params.ref)
      calls.push({ kind: 'status', ref })
      return respond(await (script.status?.(ref) ?? { status: 'ok' }))
    }),
  )
  return {
    calls,
    /** Follows another script from now on, and forgets what it was asked. */
    follow(next: SupplierScript) {
      script = next
      calls.length = 0
    },
    // an unknown call out is refused: its order would be retried for ever, and the test fail
    start: () => server.listen({ onUnhandledFrame: 'error' }),
    stop: () => server.close(),
  }
}

function respond(answer: object | Response): Response {
  return answer instanceof Response ? answer : HttpResponse.json(answer)
}
