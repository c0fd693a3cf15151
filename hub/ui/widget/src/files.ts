/** Files on their way to the server: each goes at once, under an id that makes sending it again harmless. */
import { signal } from '@preact/signals'
import { freshId } from '../../realtime/ids'
import { plainName } from '../../text/plain'
import * as chat from './chat'
import { w } from './words'

export interface Upload { id: string; name: string; size: number; part: number; state: 'sending' | 'here' | 'failed'; error: string; again: boolean; file: Blob }

export const uploads = signal<Upload[]>([])
/** What was not taken, in words. */
export const refused = signal('')
const requests = new Map<string, XMLHttpRequest>()

const patch = (id: string, change: Partial<Upload>) => (uploads.value = uploads.value.map((u) => (u.id === id ? { ...u, ...change } : u)))

export const size = (bytes: number): string =>
  bytes < 1_000_000 ? `${Math.max(1, Math.round(bytes / 1_000))} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`

/** Take the files that may be sent, and say of each other why not. */
export function add(list: Iterable<Blob & { name?: string }>): void {
  const rules = chat.site.value?.files
  refused.value = rules ? '' : w('noFiles')
  if (!rules) return
  for (const file of list) {
    const name = plainName(file.name || w('picture'))
    if (uploads.value.length >= rules.most) refused.value = w('tooMany', { n: rules.most })
    else if (!file.size) refused.value = w('emptyFile', { name })
    else if (file.size > rules.most_bytes) refused.value = w('tooLarge', { name, size: size(rules.most_bytes) })
    else {
      const upload: Upload = { id: freshId(), name, size: file.size, part: 0, state: 'sending', error: '', again: true, file }
      uploads.value = [...uploads.value, upload]
      go(upload)
    }
  }
}

function go({ id, name, file }: Upload, tries = 0): void {
  const request = new XMLHttpRequest()
  requests.set(id, request)
  patch(id, { state: 'sending', error: '', part: 0 })
  request.open('PUT', `${chat.hooks}/files/${id}?name=${encodeURIComponent(name)}`)
  request.setRequestHeader('Authorization', `Bearer ${chat.bearer()}`)
  request.setRequestHeader('Content-Type', file.type || 'application/octet-stream')
  request.upload.onprogress = (e) => patch(id, { part: e.total ? e.loaded / e.total : 0 })
  request.onloadend = () => {
    if (requests.get(id) !== request) return
    requests.delete(id)
    if (request.status === 200 || request.status === 201) return void patch(id, { state: 'here', part: 1 })
    const wait = Number(request.getResponseHeader('Retry-After') ?? 2)
    // A broken line and a busy server mend themselves; a refusal does not.
    if ((!request.status || request.status >= 500 || request.status === 429) && tries < 2 && wait <= 30) {
      setTimeout(() => uploads.value.some((u) => u.id === id) && go({ id, name, file } as Upload, tries + 1), wait * 1000)
    } else patch(id, { state: 'failed', error: reason(request, name), again: !request.status || request.status >= 429 })
  }
  request.send(file)
}

/** Why a file was not taken, in the visitor's words where there are some. */
function reason(request: XMLHttpRequest, name: string): string {
  const rules = chat.site.value?.files
  if (request.status === 413) return w('tooLarge', { name, size: size(rules?.most_bytes ?? 0) })
  if (request.status === 429) return w('busy')
  try {
    const { code } = JSON.parse(request.responseText) as { code: string }
    return w(code === 'files.off' ? 'noFiles' : code === 'file.too_many' ? 'tooManyWait' : 'uploadFailed')
  } catch {
    return w('uploadFailed')
  }
}

export const retry = (upload: Upload): void => go(upload)

export function remove(id: string): void {
  const request = requests.get(id)
  requests.delete(id)
  request?.abort()
  if (uploads.value.some((u) => u.id === id)) {
    void fetch(`${chat.hooks}/files/${id}`, { method: 'DELETE', headers: { Authorization: `Bearer ${chat.bearer()}` } }).catch(() => undefined)
  }
  uploads.value = uploads.value.filter((u) => u.id !== id)
  refused.value = ''
}

/** Those that go with the message now; what failed stays. */
export function take(): Upload[] {
  const here = uploads.value.filter((u) => u.state === 'here')
  uploads.value = uploads.value.filter((u) => u.state !== 'here')
  refused.value = ''
  return here
}

/** Another visitor: nothing of the one before goes on. */
export function clear(): void {
  for (const { id } of uploads.value) remove(id)
}
