import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { type Attachment, attachmentUrl } from '../api'
import { size } from '../format'
import { plainName } from '../../text/plain'
import { download } from '../parts/download'
import { Icon } from '../parts/icons'

const PICTURE = /^image\/(png|jpeg|gif|webp|avif|heic|heif)$/ // what a browser does not know is a file like any other
const kindOf = (a: Attachment) => /^(audio|video)\//.exec(a.content_type)?.[1] as 'audio' | 'video' | undefined

/** Sound and film are played where the browser knows how. */
function playable(a: Attachment): boolean {
  const kind = kindOf(a)
  const type = a.content_type.replace(/^audio\/(wave|x-wav|vnd\.wave)$/, 'audio/wav')
  return kind !== undefined && document.createElement(kind).canPlayType(type) !== ''
}

/** Files of a message: pictures to see, sound and film to play, anything else to keep. */
export function Files({ files: all }: { files: Attachment[] }) {
  if (!all.length) return null
  const files = all.map((a) => ({ ...a, name: plainName(a.name) }))
  return (
    <div className="files">
      {files.map((a) => (PICTURE.test(a.content_type) ? <Picture key={a.id} a={a} /> : playable(a) ? <Player key={a.id} a={a} /> : <Card key={a.id} a={a} />))}
    </div>
  )
}

function Card({ a }: { a: Attachment }) {
  const { t } = useTranslation()
  return (
    <a className="file" href={attachmentUrl(a.id)} download={a.name} onClick={download} title={t('conv.download', { name: a.name })} data-testid="file">
      <Icon name="clip" small />
      <span dir="auto" className="cut">{a.name}</span>
      <span className="meta">{size(a.size)}</span>
    </a>
  )
}

function Picture({ a }: { a: Attachment }) {
  const [broken, setBroken] = useState(false)
  if (broken) return <Card a={a} />
  return (
    <a href={attachmentUrl(a.id)} target="_blank" rel="noreferrer" title={`${a.name} · ${size(a.size)}`} data-testid="picture">
      <img className="thumb" src={attachmentUrl(a.id)} alt={a.name} loading="lazy" onError={() => setBroken(true)} />
    </a>
  )
}

/** What this browser cannot play is a file like any other. */
function Player({ a }: { a: Attachment }) {
  const [broken, setBroken] = useState(false)
  const props = { controls: true, preload: 'metadata', src: attachmentUrl(a.id), 'aria-label': a.name, onError: () => setBroken(true) } as const
  return (
    <span className="media" data-testid="player">
      {!broken && (kindOf(a) === 'audio' ? <audio {...props} /> : <video {...props} />)}
      <Card a={a} />
    </span>
  )
}
