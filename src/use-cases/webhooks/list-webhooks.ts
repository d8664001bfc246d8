import { assertAllowed } from '../../domain/authorisation.ts'
import type { Caller } from '../../domain/caller.ts'
import type { Webhook } from '../../domain/webhooks/webhook.ts'
import { BACKLOG_COUNTED_MAX } from '../../limits.ts'
import { readBacklogs, type WebhookBacklog } from '../../sql/webhooks/backlogs.ts'
import { findWebhooks } from '../../sql/webhooks/webhooks.ts'
import type { ReadContext } from '../context.ts'

/** Lists every webhook, the oldest first. @throws {CallError} FORBIDDEN for all but operators */
export async function listWebhooks({ pool }: ReadContext, caller: Caller): Promise<Webhook[]> {
  assertAllowed(caller, 'readWebhooks')
  return findWebhooks(pool)
}

/** Reads what was not delivered to webhooks yet, by their ids. */
export async function findBacklogs({ pool }: ReadContext): Promise<Map<string, WebhookBacklog>> {
  return new Map((await readBacklogs(pool, BACKLOG_COUNTED_MAX)).map((backlog) => [backlog.id, backlog]))
}
