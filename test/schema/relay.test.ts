import { execFile } from 'node:child_process'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { ConcreteRequest } from 'relay-runtime'
import relayRuntime from 'relay-runtime'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { execute, serveTestApp, type TestServer } from '../support/graphql.ts'
import { seed } from '../support/harness.ts'

const {
  commitMutation,
  createOperationDescriptor,
  Environment,
  fetchQuery,
  getRequest,
  Network,
  RecordSource,
  Store,
} = relayRuntime

const SOURCE = `
import { graphql } from 'relay-runtime'

graphql\`
  fragment appItem on InventoryItem @refetchable(queryName: "appItemRefetchQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 20 }, cursor: { type: "String" }) {
    sku
    available
    movements(first: $count, after: $cursor) @connection(key: "appItem_movements") {
      edges { node { id delta order { id } } }
    }
  }
\`
graphql\`
  fragment appOrder on Order @refetchable(queryName: "appOrderRefetchQuery") { status version inventoryItem { available } }
\`
graphql\`
  fragment appMovement on InventoryMovement @refetchable(queryName: "appMovementRefetchQuery") { delta }
\`
graphql\`
  fragment appDeadLetter on DeadLetter @refetchable(queryName: "appDeadLetterRefetchQuery") { error }
\`
graphql\`
  fragment appLevel on InventoryLevel @refetchable(queryName: "appLevelRefetchQuery") { available location { id } }
\`
graphql\`
  fragment appLocation on Location @refetchable(queryName: "appLocationRefetchQuery") { priority }
\`
graphql\`
  fragment appShipment on Shipment @refetchable(queryName: "appShipmentRefetchQuery") { undoneAt lines { sku qty } }
\`
graphql\`
  fragment appOrders on Query @refetchable(queryName: "appOrdersPaginationQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 20 }, cursor: { type: "String" }) {
    orders(first: $count, after: $cursor) @connection(key: "app_orders") { edges { node { id ...appOrder } } }
  }
\`
graphql\`query appOrdersQuery { ...appOrders }\`
graphql\`query appItemQuery($sku: String!) { inventoryItem(sku: $sku) { id sku available } }\`
graphql\`query appNodeQuery($id: ID!) { node(id: $id) { id ... on InventoryItem { available } } }\`
graphql\`
  mutation appAdjustMutation($input: AdjustInventoryInput!) {
    adjustInventory(input: $input) { inventoryItem { id available } }
  }
\`
graphql\`
  subscription appWatchSubscription($id: ID!, $afterVersion: Int) {
    orderStatusChanged(id: $id, afterVersion: $afterVersion) { ...appOrder }
  }
\`
`

let folder = ''
let server: TestServer
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-relay-'))
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  await writeFile(join(folder, 'app.js'), SOURCE)
  await cp('schema.graphql', join(folder, 'schema.graphql'))
  const config = {
    src: '.',
    schema: './schema.graphql',
    language: 'javascript',
    eagerEsModules: true,
    customScalarTypes: { DateTime: 'string', Quantity: 'number', JSON: 'mixed' },
  }
  await writeFile(join(folder, 'relay.config.json'), JSON.stringify(config))
  server = await serveTestApp()
  await seed(server.app).item({ sku: 'BOLT', available: 10 })
})
afterAll(async () => {
  await server.close()
  await rm(folder, { recursive: true })
})

const artifact = async (name: string): Promise<ConcreteRequest> =>
  (await import(join(folder, '__generated__', `${name}.graphql.js`))).default

it('compiles what Relay refetches, pages and watches', async () => {
  const cli = new URL('../../node_modules/relay-compiler/cli.js', import.meta.url).pathname
  await promisify(execFile)(process.execPath, [cli, 'relay.config.json'], { cwd: folder })
  for (const name of ['appItem', 'appOrder', 'appMovement', 'appDeadLetter']) {
    const { params } = await artifact(`${name}RefetchQuery`)
    expect(params.text).toContain('node(id: $id)')
  }
  expect((await artifact('appWatchSubscription')).params.operationKind).toBe('subscription')
})

it("shows in Relay's store the new stock after adjustInventory, and finds it again by its id", async () => {
  const environment = new Environment({
    network: Network.create(async ({ text }, variables) => {
      const { data, errors } = await execute(server, text!, variables)
      return { data, errors: errors?.map(({ message }) => ({ message })) } as never
    }),
    store: new Store(new RecordSource()),
  })
  const query = await artifact('appItemQuery')
  await fetchQuery(environment, query, { sku: 'BOLT' }).toPromise()
  const { fragment } = createOperationDescriptor(getRequest(query), { sku: 'BOLT' })
  const shown = () => environment.lookup(fragment).data
  expect(shown()).toEqual({ inventoryItem: { id: 'item:BOLT', sku: 'BOLT', available: 10 } })
  const mutation = await artifact('appAdjustMutation')
  await new Promise<void>((resolve, reject) =>
    commitMutation(environment, {
      mutation,
      variables: { input: { sku: 'BOLT', delta: -3, reason: 'broken', expectedAvailable: 10 } },
      onCompleted: () => resolve(),
      onError: reject,
    }),
  )
  expect(shown()).toEqual({ inventoryItem: { id: 'item:BOLT', sku: 'BOLT', available: 7 } })
  const refetched = await fetchQuery(environment, await artifact('appNodeQuery'), {
    id: 'item:BOLT',
  }).toPromise()
  expect(refetched).toEqual({ node: { id: 'item:BOLT', available: 7 } })
})

it('runs every text that Relay sends', async () => {
  for (const [name, variables] of Object.entries({
    appItemRefetchQuery: { id: 'item:BOLT' },
    appOrderRefetchQuery: { id: 'x' },
    appMovementRefetchQuery: { id: '1' },
    appDeadLetterRefetchQuery: { id: 'x' },
    appOrdersPaginationQuery: { count: 20 },
    appOrdersQuery: {},
  })) {
    const { params } = await artifact(name)
    expect([name, (await execute(server, params.text!, variables)).errors]).toEqual([name, undefined])
  }
})
