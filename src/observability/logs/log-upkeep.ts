import type { Logger } from 'pino'
import type { UpkeepNews } from '../../domain/upkeep/upkeep.ts'

/** Enough to see what kind of thing is broken; `npm run reconcile` prints them all. */
const BREACHES_MAX = 10
/** Enough of a payload to see whose it is. */
const PAYLOAD_LENGTH_MAX = 200

/** What is told by numbers alone. */
const MENDED = {
  'workers-died': 'jobs of dead workers released',
  'fetch-lost': 'jobs released whose fetch was lost',
  swept: 'orders without a job and dead jobs swept',
}

/** One line for whatever the service had to mend, and for what it leaves to people. */
export function logUpkeep(logger: Logger): (news: UpkeepNews) => void {
  return (news) => {
    switch (news.kind) {
      case 'workers-died':
      case 'fetch-lost':
      case 'swept': {
        const { kind, ...numbers } = news
        logger.warn(numbers, MENDED[kind])
        break
      }
      case 'jobs-put-aside': {
        const jobs = news.jobs.map(({ id, task, payload }) => {
          return { id, task, payload: JSON.stringify(payload).slice(0, PAYLOAD_LENGTH_MAX) }
        })
        logger.error({ jobs }, 'dead jobs put aside: their payloads name no order, see graphile_worker.jobs')
        break
      }
      case 'sweep-failed':
        if (news.job)
          logger.error({ err: news.error, job: news.job }, 'order of a dead job not ended, passed over')
        else logger.error({ err: news.error, step: news.step }, 'sweep step failed')
        break
      case 'invariant-broken': {
        const { invariant, breaches } = news
        const examples = breaches
          .slice(0, BREACHES_MAX)
          .map(({ subject, detail, cause }) => ({ subject, detail, cause }))
        logger.error({ invariant, breaches: breaches.length, examples }, 'invariant broken')
        break
      }
    }
  }
}
