/** Files of a message: pictures to see, anything else to keep. */
import { useState } from 'preact/hooks'
import { plainName } from '../../text/plain'
import { end } from './bits'
import * as chat from './chat'
import { size } from './files'
import { w } from './words'

const PICTURE = /^image\/(png|jpeg|gif|webp)$/

/** A picture that came late moves what is below it: whoever was at the end stays there. */
function follow(picture: HTMLElement): void {
  const log = picture.closest('.log')
  if (log && end.stuck) log.scrollTop = log.scrollHeight
}

export function Files({ files }: { files: chat.File[] }) {
  return <>{files.map((f) => <One key={f.id} f={f} />)}</>
}

function One({ f }: { f: chat.File }) {
  const [broken, setBroken] = useState('')
  const name = plainName(f.name)
  /** A link that is no longer good is asked for anew; the next click finds it. */
  const old = (e: Event) => {
    if (Date.parse(f.until) > Date.now()) return
    e.preventDefault()
    chat.renew()
  }
  const url = `${chat.hooks}/files/${f.link}`
  const picture = PICTURE.test(f.type) && broken !== f.link
  return (
    <a class={picture ? 'file picture' : 'file'} href={url} download={name} onClick={old} aria-label={w('download', { name, size: size(f.size) })} data-testid="widget-file">
      {picture && <img src={url} alt="" onLoad={(e) => follow(e.currentTarget)} onError={() => setBroken(f.link)} />}
      <span class="name" dir="auto">{name}</span>
      <span class="size" dir="ltr">{size(f.size)}</span>
    </a>
  )
}
