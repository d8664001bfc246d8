import { expect, test } from 'vitest'
import {
  movementEventId,
  orderEventId,
  subjectOf,
  testEventId,
} from '../../../src/domain/webhooks/event-id.ts'
import {
  EVENT_NAMES,
  hasOrderEvents,
  isSubscribed,
  isSubscription,
} from '../../../src/domain/webhooks/event-names.ts'
import { isWebhookUrl } from '../../../src/domain/webhooks/webhook.ts'

const ORDER_ID = '019a2f6e-7c1b-7d3a-9e42-5b8f0c6d1e2a'
const AT = new Date('2026-01-05T09:30:00.000Z')

test('an id says what its event is about, and has no full stop', () => {
  expect(subjectOf(orderEventId(ORDER_ID, 12, AT))).toEqual({ kind: 'order', orderId: ORDER_ID, version: 12 })
  expect(subjectOf(movementEventId(7n, AT))).toEqual({ kind: 'movement', movementId: 7n })
  expect(subjectOf(movementEventId(7n, AT, 'BACK'))).toEqual({ kind: 'movement', movementId: 7n })
  expect(subjectOf(testEventId(ORDER_ID))).toEqual({ kind: 'test' })
  expect(subjectOf('evt_x')).toBeUndefined()
  // the same number again after a restore is another event
  expect(movementEventId(7n, AT)).toBe('evt_m7_mk0ym7k0')
  expect(movementEventId(7n, new Date(AT.getTime() + 1))).not.toBe(movementEventId(7n, AT))
  for (const id of [orderEventId(ORDER_ID, 12, AT), movementEventId(7n, AT, 'LOW'), testEventId('x')]) {
    expect(id).not.toContain('.')
  }
})

test('a pattern stands for its family, and * for all', () => {
  for (const name of EVENT_NAMES) {
    expect(isSubscription(name)).toBe(true)
    expect(isSubscribed(['*'], name)).toBe(true)
    expect(isSubscribed([name], name)).toBe(true)
    expect(isSubscribed(['order.*'], name)).toBe(name.startsWith('order.'))
    expect(hasOrderEvents([name])).toBe(name.startsWith('order.'))
  }
  for (const wrong of ['', 'order', 'order.', '*.*', 'order.gone', 'webhook.*', 'webhook.test', 'ORDER.*']) {
    expect(isSubscription(wrong), wrong).toBe(false)
  }
})

test('a URL is http or https, without credentials and fragment', () => {
  for (const url of [
    'https://shop.example/hooks?key=1',
    'http://shop.example:8080',
    'HTTPS://SHOP.example/',
  ]) {
    expect(isWebhookUrl(url), url).toBe(true)
  }
  const wrong = [
    '',
    'shop.example',
    'ftp://shop.example',
    'https://',
    'https://u:p@shop.example',
    'https://a.example/#x',
  ]
  for (const url of [...wrong, `https://a.example/${'x'.repeat(2_000)}`, 'https://a.example/a b']) {
    expect(isWebhookUrl(url), url).toBe(false)
  }
})
