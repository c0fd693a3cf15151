import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { type Attachment, attachmentUrl } from '../api'
import { size } from '../format'
import { Icon } from '../parts/icons'

const PICTURE = /^image\/(png|jpeg|gif|webp)$/
const SOUND = /^audio\/(ogg|opus|mpeg|mp4|aac|webm|wav|x-wav|x-m4a)\b/
const FILM = /^video\/(mp4|webm|ogg|quicktime|3gpp)\b/

/** Files of a message: pictures to see, sound and film to play, anything else to keep. */
export function Files({ files }: { files: Attachment[] }) {
  if (!files.length) return null
  return (
    <div className="files">
      {files.map((a) => (PICTURE.test(a.content_type) ? <Picture key={a.id} a={a} /> : SOUND.test(a.content_type) || FILM.test(a.content_type) ? <Player key={a.id} a={a} /> : <Card key={a.id} a={a} />))}
    </div>
  )
}

function Card({ a }: { a: Attachment }) {
  const { t } = useTranslation()
  return (
    <a className="file" href={attachmentUrl(a.id)} download={a.name} title={t('conv.download', { name: a.name })} data-testid="file">
      <Icon name="clip" small />
      <span className="cut">{a.name}</span>
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
      {!broken && (SOUND.test(a.content_type) ? <audio {...props} /> : <video {...props} />)}
      <Card a={a} />
    </span>
  )
}
