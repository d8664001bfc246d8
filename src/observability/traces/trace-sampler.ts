import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace'

/** Which traces are recorded, as OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG say it. */
export type Sampling = { name: SamplerName; ratio: number }

type SamplerName = 'always_on' | 'always_off' | 'traceidratio' | `parentbased_${RootName}`
type RootName = 'always_on' | 'always_off' | 'traceidratio'

export function createSampler({ name, ratio }: Sampling): Sampler {
  const [, parentBased, root] = /^(parentbased_)?(.+)$/.exec(name) as unknown as [string, string?, RootName?]
  const sampler = {
    always_on: () => new AlwaysOnSampler(),
    always_off: () => new AlwaysOffSampler(),
    traceidratio: () => new TraceIdRatioBasedSampler(ratio),
  }[root!]()
  return parentBased ? new ParentBasedSampler({ root: sampler }) : sampler
}
