import { useRef, useState } from 'preact/hooks'
import { useLocation, useRoute } from 'preact-iso/router'
import { graphql } from '../api/graphql.ts'
import { useRead } from '../api/use-read.ts'
import { useStream } from '../api/use-stream.ts'
import { useThrottled } from '../api/use-throttled.ts'
import { useMay } from '../api/viewer.ts'
import { Button } from '../components/button.tsx'
import { Loaded } from '../components/loaded.tsx'
import { Page } from '../components/page.tsx'
import { EmptyState, NotLive } from '../components/states.tsx'
import { ItemDocument } from './item/item-document.ts'
import { ItemFacts } from './item/item-facts.tsx'
import { PAGE_SIZE as LEDGER_PAGE_SIZE, LedgerDocument, LedgerSection } from './item/ledger.tsx'
import { LevelTable } from './item/levels.tsx'
import { HistoryDocument, OnHandChart } from './item/on-hand-chart.tsx'
import { STOCK_ACTIONS, StockDialog, type StockVerb } from './item/stock-dialog.tsx'
import { WAITING_SHOWN, WaitingOrders } from './item/waiting-orders.tsx'

const StockChangedDocument = graphql(`
  subscription StockChanged($skus: [String!]!, $after: String) {
    inventoryChanged(skus: $skus, after: $after) {
      cursor
    }
  }
`)

/** An order that begins to wait changes no stock, so no stream tells of it. */
const POLL_MS = 2_000

/** A busy item changes hundreds of times a second; more often than this nobody can read it. */
const REFRESH_INTERVAL_MS = 500

/** All that there is to one SKU. */
export function ItemPage() {
  const { sku = '' } = useRoute().params
  // what was read of another item must not stand here
  return <ItemStory key={sku} sku={sku} />
}

function ItemStory({ sku }: { sku: string }) {
  const { query } = useLocation()
  const location = query.location ?? null
  const after = query.after ?? null
  const item = useRead(ItemDocument, { sku, waiting: WAITING_SHOWN }, POLL_MS)
  const ledger = useRead(LedgerDocument, { sku, location, after, first: LEDGER_PAGE_SIZE })
  const history = useRead(HistoryDocument, { sku, location })
  const refresh = useThrottled(() => {
    for (const read of [item, ledger, history]) read.refresh()
  }, REFRESH_INTERVAL_MS)
  const cursor = useRef<string | null>(null)
  const live = useStream(StockChangedDocument, item.data?.inventoryItem ? sku : null, {
    variables: () => ({ skus: [sku], after: cursor.current }),
    onData: ({ inventoryChanged }) => {
      cursor.current = inventoryChanged.cursor
      refresh()
    },
    onConnected: refresh,
  })
  const [verb, setVerb] = useState<StockVerb | null>(null)
  const known = item.data?.inventoryItem
  return (
    <Page title={sku} actions={known && <Actions choose={setVerb} />}>
      <NotLive live={live} />
      <Loaded read={item}>
        {({ inventoryItem, locations, waitingOrders }) =>
          inventoryItem ? (
            <>
              <ItemFacts item={inventoryItem} />
              <h2>At each location</h2>
              <LevelTable levels={inventoryItem.levels} />
              <h2>Orders that wait for it</h2>
              <WaitingOrders sku={sku} waiting={waitingOrders} />
              <h2>On hand over time</h2>
              <Loaded read={history}>
                {({ movements }) => (
                  <OnHandChart
                    // older pages are those of one location
                    key={location}
                    sku={sku}
                    levels={inventoryItem.levels}
                    location={location}
                    history={movements}
                  />
                )}
              </Loaded>
              <LedgerSection read={ledger} locations={locations} location={location} />
              {verb && (
                <StockDialog
                  verb={verb}
                  item={inventoryItem}
                  locations={locations}
                  onDone={refresh}
                  onClose={() => setVerb(null)}
                />
              )}
            </>
          ) : (
            <NoItem sku={sku} />
          )
        }
      </Loaded>
    </Page>
  )
}

function Actions({ choose }: { choose: (verb: StockVerb) => void }) {
  const may = useMay()
  return (
    <>
      {STOCK_ACTIONS.filter(({ needs }) => may(needs)).map(({ verb, text }) => (
        <Button key={verb} variant={verb === 'receive' ? 'primary' : 'plain'} onClick={() => choose(verb)}>
          {text}
        </Button>
      ))}
    </>
  )
}

function NoItem({ sku }: { sku: string }) {
  return (
    <EmptyState title={`There is no item ${sku}`}>
      Compare the SKU, in upper and lower case. Look among <a href="/console/stock">all items</a>, where an
      operator can create it as well.
    </EmptyState>
  )
}
