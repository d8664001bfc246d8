import { expect, test } from 'vitest'
import { createSampler, type Sampling } from '../../../src/observability/traces/trace-sampler.ts'

test.each<[Sampling['name'], RegExp]>([
  ['always_on', /^AlwaysOnSampler$/],
  ['always_off', /^AlwaysOffSampler$/],
  ['traceidratio', /^TraceIdRatioBased\{0\.25\}$/],
  ['parentbased_always_on', /^ParentBased\{root=AlwaysOnSampler,/],
  ['parentbased_always_off', /^ParentBased\{root=AlwaysOffSampler,/],
  ['parentbased_traceidratio', /^ParentBased\{root=TraceIdRatioBased\{0\.25\},/],
])('%s is the sampler that OpenTelemetry calls so', (name, form) => {
  expect(String(createSampler({ name, ratio: 0.25 }))).toMatch(form)
})
