/** What a test of a mailbox found, part by part. */
import { useTranslation } from 'react-i18next'
import type { Check } from '../mail'
import { Icon } from '../parts/icons'

export function Checks({ items }: { items: Check[] }) {
  const { t, i18n } = useTranslation()
  const known = (c: Check) => (i18n.exists(`check.${c.code}`) ? t(`check.${c.code}`) : c.remedy)
  return (
    <ul className="checks" data-testid="checks" role="status">
      {items.map((c) => (
        <li key={c.part} className={c.ok ? 'good' : 'wrong'} data-code={c.code}>
          <Icon name={c.ok ? 'check' : 'warn'} />
          <span>
            <strong>{c.part === 'imap' ? t('boxes.incoming') : c.part === 'smtp' ? t('boxes.outgoing') : c.part}</strong> {known(c)}
            {!c.ok && <span className="meta" style={{ display: 'block' }}>{c.detail}</span>}
          </span>
        </li>
      ))}
    </ul>
  )
}
