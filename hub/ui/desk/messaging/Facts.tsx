/** What a text message is beside its words: a quote, a place, a button, an advert, files under way, and marks. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import type { Interaction, MessageFacts } from '../api'
import { Icon } from '../parts/icons'
import { useUnsent } from '../parts/unsent'
import { messageTemplates } from './api'

const anchor = (id: number) => `message-${id}`
export { anchor as messageAnchor }

/** Only addresses of the web are made links: whatever came in is somebody else's word. */
function web(url: string | undefined): URL | null {
  try {
    const found = new URL(url ?? '')
    return found.protocol === 'https:' || found.protocol === 'http:' ? found : null
  } catch {
    return null
  }
}

export function FactsAbove({ facts, conversation }: { facts: MessageFacts; conversation: number }) {
  const { t } = useTranslation()
  return (
    <>
      {facts.forwarded && <div className="meta hflex" style={{ gap: 4 }} data-testid="forwarded"><Icon name="forward" small />{t('message.forwarded')}</div>}
      {facts.quoted && <Quote quoted={facts.quoted} conversation={conversation} />}
      {facts.advert && <Advert advert={facts.advert} />}
    </>
  )
}

function Quote({ quoted, conversation }: { quoted: NonNullable<MessageFacts['quoted']>; conversation: number }) {
  const { t } = useTranslation()
  if (quoted.conversation_id !== conversation)
    return (
      <Link className="quoted" to="/inbox/$view/$id" params={{ view: 'all', id: String(quoted.conversation_id) }} data-testid="quoted" title={t('message.quotedEarlier')}>
        <span className="meta" style={{ display: 'block' }}>{t('message.quotedEarlier')}</span>
        <span className="clamp2">{quoted.text || t('message.noText')}</span>
      </Link>
    )
  return (
    <button
      type="button" className="quoted" data-testid="quoted" title={t('message.quotedHint')}
      onClick={() => {
        const there = document.getElementById(anchor(quoted.id))
        there?.scrollIntoView({ block: 'center' })
        there?.focus({ preventScroll: true })
      }}
    >
      <span className="sr">{t('message.answers')}</span>
      <span dir="auto" className="clamp2">{quoted.text || t('message.noText')}</span>
    </button>
  )
}

function Advert({ advert }: { advert: NonNullable<MessageFacts['advert']> }) {
  const { t } = useTranslation()
  const url = web(advert.url)
  const inside = (
    <>
      <Icon name="bell" />
      <span className="grow"><span className="meta">{t('message.advert')}</span><span dir="auto" className="clamp2">{advert.headline || url?.host}</span></span>
    </>
  )
  return url
    ? <a className="cardlink" href={url.href} target="_blank" rel="noreferrer noopener" data-testid="advert">{inside}</a>
    : <div className="cardlink" data-testid="advert">{inside}</div>
}

/** An approved text by its name, where its account still has it. */
function TemplateMark({ id, account }: { id: string; account: number | undefined }) {
  const { t } = useTranslation()
  const known = useQuery({ ...messageTemplates(account ?? 0), enabled: account !== undefined, retry: false }).data?.find((x) => x.id === id)
  return <span className="pill line" data-testid="template-mark">{known ? t('message.template', { name: known.name }) : t('message.approved')}</span>
}

export function FactsBelow({ i, facts, account }: { i: Interaction; facts: MessageFacts; account: number | undefined }) {
  const { t } = useTranslation()
  const unsent = useUnsent()
  const coming = Math.max(0, facts.files - i.attachments.length - facts.lost.length)
  const wish = { stop: 'late', start: 'ok', help: 'soon', perhaps: 'soon' } as const
  return (
    <>
      {facts.location && <Place place={facts.location} />}
      {coming > 0 && (
        <div className="filestate" role="status" data-testid="file-coming"><Icon name="clock" small />{t('message.coming', { count: coming })}</div>
      )}
      {facts.lost.map((why, n) => (
        <div className="filestate lost" key={n} data-testid="file-lost"><Icon name="warn" small /><span>{t('message.lost', { why: unsent(why) })}</span></div>
      ))}
      {(facts.button || facts.template || facts.consent || facts.form) && (
        <div className="marks">
          {facts.form && <span className="pill line" data-testid="form-answers">{t('message.form')}</span>}
          {facts.button && <span className="pill line" data-testid="button-reply">{facts.button === i.text ? t('message.pressed') : t('message.button', { label: facts.button })}</span>}
          {facts.template && <TemplateMark id={facts.template} account={account} />}
          {facts.consent && <span className={`pill ${wish[facts.consent]}`} data-testid="consent-mark">{t(`message.${facts.consent}`)}</span>}
        </div>
      )}
    </>
  )
}

function Place({ place }: { place: NonNullable<MessageFacts['location']> }) {
  const { t, i18n } = useTranslation()
  const lat = Number(place.latitude)
  const lon = Number(place.longitude)
  if (!Number.isFinite(lat) || !Number.isFinite(lon)) return null
  const degrees = new Intl.NumberFormat(i18n.language, { maximumFractionDigits: 5 })
  const url = `https://www.openstreetmap.org/?mlat=${lat}&mlon=${lon}#map=16/${lat}/${lon}`
  return (
    <a className="cardlink" href={url} target="_blank" rel="noreferrer noopener" data-testid="location">
      <Icon name="pin" />
      <span className="grow">
        <span dir="auto" className="clamp2">{place.label || t('message.location')}</span>
        <span className="meta">{degrees.format(lat)}, {degrees.format(lon)} · {t('message.map')}</span>
      </span>
    </a>
  )
}
