import { useTranslation } from 'react-i18next'
import { money, number } from '../format'
import { Icon } from '../parts/icons'
import { can } from '../state/channels'
import { characters, culprits, plainer, segments } from './segments'

/** Twilio's limit, where an account names none. */
export const LONGEST = 1600

/** How many characters there are too many. */
export const excess = (text: string, most: number | null): number => Math.max(0, characters(text) - (most ?? LONGEST))

interface Props {
  channel: string; text: string; most: number | null; price?: number | null; currency?: string | null; files?: number
  change: (text: string) => void; id?: string
}

/** What a text comes to on the bill, and why; with the limit once it is reached. */
export function Counter({ channel, text, most, price, currency, files = 0, change, id }: Props) {
  const { t } = useTranslation()
  const over = excess(text, most)
  const billed = can(channel).segments
  const sms = billed && files === 0 && text !== ''
  const near = characters(text) > 0.8 * (most ?? LONGEST)
  const s = segments(text)
  return (
    <div className="counter" id={id} data-testid="counter" data-segments={sms ? s.count : undefined} data-encoding={sms ? s.encoding : undefined}>
      {sms && (
        <span data-testid="segments">
          <strong>{t('sms.count', { n: number(s.count) })}</strong> · {t('sms.units', { used: number(s.units), room: number(s.room) })}
          {price != null && currency && <> · <span data-testid="cost">{t('sms.cost', { price: money(price * s.count, currency) })}</span></>}
        </span>
      )}
      {billed && files > 0 && <span data-testid="segments">{t('sms.picture')}</span>}
      {!billed && near && <span>{t('sms.units', { used: number(characters(text)), room: number(most ?? LONGEST) })}</span>}
      {sms && s.encoding === 'UCS-2' && <Unicode text={text} change={change} />}
      <span role="alert" className="over" data-testid="too-long">
        {over > 0 && <><Icon name="warn" small /> {t('sms.tooLong', { count: over, over: number(over), most: number(most ?? LONGEST) })}</>}
      </span>
    </div>
  )
}

/** Which characters cost more than half of every message, and the way out where there is one. */
function Unicode({ text, change }: { text: string; change: (text: string) => void }) {
  const { t } = useTranslation()
  const found = culprits(text)
  const plain = plainer(text)
  const named = found.slice(0, 3).join(' ')
  const more = found.length - 3
  return (
    <span className="unicode" data-testid="unicode">
      {more > 0 ? t('sms.unicodeMore', { characters: named, n: number(more) }) : t(found.length > 1 ? 'sms.unicodeMany' : 'sms.unicode', { characters: named })}{' '}
      {plain !== null && <button type="button" className="linklike" onClick={() => change(plain)} data-testid="plain-signs">{t('sms.plain')}</button>}
    </span>
  )
}
