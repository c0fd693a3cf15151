/** The one place that talks to the REST API; what goes and comes is typed by the API's own description (`schema.d.ts`). */
import type { Client } from 'openapi-fetch'
import { base } from '../realtime/base'
import type { FieldProblem, paths, Problem as Details } from './schema'

/** A problem+json answer, or the network's silence (status 0). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly remedy = '',
    readonly errors: FieldProblem[] = [],
    readonly code = '',
    readonly params: Record<string, unknown> = {},
  ) {
    super(detail || title)
  }
}

async function problem(response: Response): Promise<Problem> {
  try {
    const p = (await response.json()) as Partial<Details>
    if (p.errors?.length) await import('./field-words').catch(() => undefined) // else in English
    return new Problem(response.status, p.title ?? response.statusText, p.detail ?? '', p.remedy ?? undefined, p.errors, p.code, p.params)
  } catch {
    return new Problem(response.status, response.statusText, '')
  }
}

interface Init {
  params?: { path?: Record<string, unknown>; query?: Record<string, unknown> }
  body?: unknown
  bodySerializer?: (body: unknown) => BodyInit
}

/** Where a request goes; what is empty is not asked for. */
function address(path: string, { path: ids = {}, query = {} }: NonNullable<Init['params']>): string {
  const params = new URLSearchParams()
  for (const [k, v] of Object.entries(query)) if (v !== undefined && v !== null && v !== '') params.set(k, String(v))
  const tail = params.toString()
  return `${base}${path.replace(/{(\w+)}/g, (_, name: string) => encodeURIComponent(String(ids[name])))}${tail ? `?${tail}` : ''}`
}

/** One request within its time; any answer but a good one is a `Problem`. */
async function send(method: string, path: string, { params = {}, body, bodySerializer = JSON.stringify }: Init): Promise<{ data: unknown }> {
  const serialized = body === undefined ? undefined : bodySerializer(body)
  const form = serialized instanceof FormData
  const headers: Record<string, string> = { Accept: 'application/json' }
  if (method !== 'GET') headers['X-Hub-Request'] = '1'
  if (serialized !== undefined && !form) headers['Content-Type'] = 'application/json'
  let response: Response
  try {
    const signal = AbortSignal.timeout(form ? 120_000 : 20_000)
    response = await fetch(address(path, params), { method, headers, body: serialized, credentials: 'same-origin', signal })
  } catch {
    throw new Problem(0, 'offline', '')
  }
  if (!response.ok) throw await problem(response)
  return { data: response.status === 204 ? undefined : await response.json() }
}

/** Whether a file is there to be fetched; else the `Problem` that says why not. */
export async function available(url: string): Promise<void> {
  const ask = async (method: string) => fetch(url, { method, credentials: 'same-origin', signal: AbortSignal.timeout(20_000) })
  let response: Response
  try {
    response = await ask('HEAD')
    if (!response.ok) response = await ask('GET') // HEAD does not say why
  } catch {
    throw new Problem(0, 'offline', '')
  }
  if (!response.ok) throw await problem(response)
}

const by = (method: string) => (path: string, init: Init = {}) => send(method, path, init)

/** openapi-fetch's types without its code, which would be a hundredth of the desk's first load. */
export const hub = { GET: by('GET'), POST: by('POST'), PUT: by('PUT'), PATCH: by('PATCH'), DELETE: by('DELETE') } as unknown as Pick<
  Client<paths>, 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
>

type Data<R> = R extends { data: infer D } ? D : never

/** What a good answer holds; there is no other, see `send`. */
export async function data<R extends { data?: unknown }>(answer: Promise<R>): Promise<Data<R>> {
  return (await answer).data as Data<R>
}

/** The ids of a path. */
export const at = <P,>(path: P) => ({ params: { path } })
