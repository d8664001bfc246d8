// What tests of stock by GraphQL ask for.

const ITEM = 'sku name available reserved onHand'
const MOVEMENT = 'id sku type delta availableAfter reason actor createdAt order { id }'
export const READ = `query ($sku: String!) {
  inventoryItem(sku: $sku) { ${ITEM} movements { edges { node { ${MOVEMENT} } } } }
  movements(sku: $sku) { edges { node { ${MOVEMENT} } } }
}`
export const CREATE = `mutation ($input: CreateInventoryItemInput!) {
  createInventoryItem(input: $input) {
    inventoryItem { ${ITEM} movements { edges { node { ${MOVEMENT} } } } }
    userErrors { code message field }
  }
}`
export const ADJUST = `mutation ($input: AdjustInventoryInput!) {
  adjustInventory(input: $input) {
    inventoryItem { ${ITEM} }
    movement { ${MOVEMENT} }
    userErrors { code message field }
  }
}`
