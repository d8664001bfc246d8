// A receiver of webhooks: verifies each message, drops what it has had before, and prints the rest.
// `WEBHOOK_SECRET=whsec_… npm exec -- node examples/webhook-receiver.ts`; the secret is createWebhook's answer.
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { Webhook } from 'standardwebhooks'

const verifier = new Webhook(process.env.WEBHOOK_SECRET!)
/** Ids of messages. A shop keeps them with what they changed, for as long as Holdfast may send them again. */
const seen = new Set<string>()

const server = createServer(async (request, response) => {
  const headers = request.headers as Record<string, string>
  let message: { type: string; data: Record<string, unknown> }
  try {
    // the bytes as they came: JSON that was parsed and written again has another signature
    message = verifier.verify(await text(request), headers) as typeof message
  } catch {
    return response.writeHead(401).end()
  }
  // what takes long is done after the answer: a try has 15 s
  response.writeHead(204).end()
  const id = headers['webhook-id']!
  if (seen.has(id)) return console.log('again', id)
  seen.add(id)
  console.log(message.type, message.data.status ?? message.data.delta, id)
})
server.listen(Number(process.env.PORT ?? 8787), '127.0.0.1', () => console.log('listening'))
