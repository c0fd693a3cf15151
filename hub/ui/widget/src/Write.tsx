/** The field: text, files by button, by dropping and by pasting. */
import { useSignal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { Icon, length, Room } from './bits'
import * as chat from './chat'
import * as files from './files'
import { w } from './words'

export function Write() {
  const text = chat.draft
  const over = useSignal(false)
  const area = useRef<HTMLTextAreaElement>(null)
  const input = useRef<HTMLInputElement>(null)
  const focus = chat.focusing.value
  useEffect(() => {
    if (focus) area.current?.focus()
  }, [focus])
  useLayoutEffect(() => {
    const el = area.current
    if (!el) return
    el.style.height = 'auto'
    el.style.height = `${Math.min(132, el.scrollHeight + 2)}px`
  }, [text.value])
  const rules = chat.site.value!
  const here = files.uploads.value.some((u) => u.state === 'here')
  const busy = files.uploads.value.some((u) => u.state === 'sending')
  const ready = !busy && (text.value.trim() !== '' || here) && length(text.value.trim()) <= rules.max_text
  const send = () => {
    if (!ready) return
    chat.say(text.value, files.take().map(({ id, name, size }) => ({ id, name, size })))
    chat.keepDraft('')
    area.current?.focus()
  }
  const dropped = (e: DragEvent) => {
    over.value = false
    if (!e.dataTransfer?.files.length) return
    e.preventDefault()
    files.add(e.dataTransfer.files)
  }
  useEffect(() => {
    // A file that misses must not take the chat's place in the frame.
    const above = (e: DragEvent) => {
      if (!e.dataTransfer?.types.includes('Files')) return
      e.preventDefault()
      over.value = e.type === 'dragover'
    }
    const on = { dragover: above, dragleave: above, drop: dropped }
    for (const [name, f] of Object.entries(on)) addEventListener(name, f as EventListener)
    return () => {
      for (const [name, f] of Object.entries(on)) removeEventListener(name, f as EventListener)
    }
  }, [])
  return (
    <>
      {over.value && rules.files && <p class="drop">{w('dropHere')}</p>}
      {files.uploads.value.length > 0 && (
        <ul class="uploads">
          {files.uploads.value.map((u) => (
            <li key={u.id} class={u.state === 'failed' ? 'bad' : ''} data-testid="widget-upload" data-state={u.state}>
              <span class="name" dir="auto">{u.name}</span>
              <span class="size" dir="ltr">{files.size(u.size)}</span>
              {u.state === 'sending' && <progress value={u.part} max={1} aria-label={w('uploading', { name: u.name, percent: Math.round(u.part * 100) })} />}
              {u.state === 'failed' && <span class="why" role="alert">{u.error} {u.again && <button type="button" onClick={() => files.retry(u)}>{w('retry')}</button>}</span>}
              <button type="button" class="x" aria-label={w('removeFile', { name: u.name })} onClick={() => files.remove(u.id)}><Icon d="M6 6l12 12M18 6 6 18" /></button>
            </li>
          ))}
        </ul>
      )}
      {files.refused.value && <p class="room over" role="alert" data-testid="widget-refused">{files.refused.value}</p>}
      <Room text={text.value.trim()} most={rules.max_text} />
      <form
        class="write"
        onSubmit={(e) => {
          e.preventDefault()
          send()
        }}
      >
        {rules.files && (
          <>
            <input
              ref={input} type="file" multiple hidden data-testid="widget-files"
              onChange={(e) => {
                files.add([...(e.currentTarget.files ?? [])])
                e.currentTarget.value = ''
              }}
            />
            <button type="button" aria-label={w('attach')} title={w('attach')} onClick={() => input.current?.click()}>
              <Icon d="M20 11.500l-8 8a5 5 0 0 1-7-7l8.500-8.500a3.300 3.300 0 0 1 4.700 4.700l-8.300 8.200a1.600 1.600 0 0 1-2.300-2.300l7.400-7.300" />
            </button>
          </>
        )}
        <textarea
          ref={area} rows={1} dir="auto" value={text.value} placeholder={w('placeholder')} aria-label={w('placeholder')} data-testid="widget-text"
          onInput={(e) => {
            chat.keepDraft(e.currentTarget.value)
            chat.isTyping()
          }}
          onPaste={(e) => {
            const pasted = e.clipboardData?.files
            // What an office program copies is text with a picture of it: the text is meant.
            if (!pasted?.length || e.clipboardData?.getData('text/plain')) return
            e.preventDefault()
            files.add(pasted)
          }}
          onKeyDown={(e) => {
            // Enter that ends an input-method word must not send half a sentence; 229 is how some browsers say so.
            if (e.key !== 'Enter' || e.shiftKey || e.isComposing || e.keyCode === 229) return
            e.preventDefault()
            send()
          }}
        />
        <button type="submit" class="go" aria-label={w('send')} disabled={!ready} data-testid="widget-send"><Icon d="M4 12 20 4l-5 16-3.500-6.500z" /></button>
      </form>
    </>
  )
}
