import { expect, test } from 'vitest'
import { answerFormFor } from '../../../../src/http/rest/csv/import-answer.ts'

test.for([
  [undefined, 'application/json'],
  ['*/*', 'application/json'],
  ['application/*', 'application/json'],
  ['text/html', 'application/json'],
  ['', 'application/json'],
  ['text/csv', 'text/csv'],
  ['Text/CSV; q=0.5', 'text/csv'],
  ['text/csv, */*', 'text/csv'],
  ['text/*, application/json;q=0.9', 'text/csv'],
  ['application/json, text/csv;q=0.1', 'application/json'],
  ['application/json, text/csv;q=0', 'application/json'],
  ['text/csvx', 'application/json'],
  ['application/x-ndjson, application/json;q=0.5', 'application/x-ndjson'],
])('who accepts %j gets %s', ([accept, type]) => {
  expect(answerFormFor(accept)).toMatchObject({ type })
})
